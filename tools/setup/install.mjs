// Brings a fresh clone to the point where TypeScript can run: the right Node, then the packages of the lock file.
// Plain JavaScript with nothing but node: imports, because it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const modules = join(root, 'node_modules');

/** Ends the process with a message when this Node is too old for the tools (Vite, oxlint) that are used. */
function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 13) || major >= 23;
  if (fits) return;
  console.error(
    `gorp-web needs Node 20.19 or newer (in the 22 line 22.13 or newer); this is Node ${process.versions.node}.\n` +
      'Install a current one from https://nodejs.org and run the command again.',
  );
  process.exit(1);
}

/** The `packages` of a lock file: path → `{ version, optional, … }`. npm also writes one for the installed packages. */
function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
}

/** Whether node_modules holds what package-lock.json asks for. Optional packages may belong to another platform. */
function isInstalled() {
  const installedLock = join(modules, '.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const lock = join(root, 'package-lock.json');
  if (!existsSync(lock)) return true;
  const installed = packagesOf(installedLock);
  return Object.entries(packagesOf(lock)).every(
    ([path, wanted]) => path === '' || wanted.optional || installed[path]?.version === wanted.version,
  );
}

/** Runs npm as it was started (`npm_execpath`), or the one on the PATH when this script was started by hand. */
function npm(args) {
  const cli = process.env.npm_execpath;
  const options = { cwd: root, stdio: 'inherit' };
  const npmCli = cli !== undefined && /npm-cli\.c?js$/.test(cli);
  const { status, error } = npmCli
    ? spawnSync(process.execPath, [cli, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  if (error) console.error(`npm could not be started: ${error.message}`);
  return status === 0;
}

/**
 * Installs the packages when they are missing or not those of the lock file.
 * Install scripts stay off: no package needs one, with the exception named below.
 */
function installPackages() {
  if (isInstalled()) return;
  console.log('Installing packages …');
  const command = existsSync(join(root, 'package-lock.json')) ? 'ci' : 'install';
  // NODE_ENV=production would leave out the tools that build the app.
  if (!npm([command, '--include=dev', '--include=optional', '--ignore-scripts', '--no-audit', '--no-fund'])) {
    console.error(
      'The packages could not be installed; npm says why above. Once the cause is gone, run the command again.',
    );
    process.exit(1);
  }
  // webgpu's install script only takes macOS's quarantine mark off Dawn's binary, so that it can be loaded.
  if (process.platform === 'darwin') {
    spawnSync(process.execPath, [join('build', 'postinstall.js')], { cwd: join(modules, 'webgpu'), stdio: 'inherit' });
  }
}

/** Checks Node and installs the packages; then TypeScript files can be imported through tsx. */
export function prepare() {
  requireNode();
  installPackages();
}
