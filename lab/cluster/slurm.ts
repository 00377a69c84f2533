import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The programs that must be installed, with their Debian packages. */
const PROGRAMS = { munged: 'munge', slurmctld: 'slurmctld', slurmd: 'slurmd', sbatch: 'slurm-client' };

/** Seconds that Slurm waits between SIGTERM and SIGKILL. */
export const GRACE = 30;

/** A private Slurm on this machine: a controller and nodes, each with one CPU and one nominal graphics card. */
export class Slurm {
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];
  readonly nodes: readonly string[];

  private constructor(folder: string, nodes: number) {
    this.#folder = folder;
    this.nodes = Array.from({ length: nodes }, (_, i) => `node${i + 1}`);
  }

  /**
   * Starts munge, slurmctld and a slurmd for each node, all as this user, and waits until the nodes take jobs.
   *
   * @param folder for keys, states and logs; nobody else may write there or above.
   */
  static async start(folder: string, nodes: number): Promise<Slurm> {
    const missing = Object.entries(PROGRAMS).filter(([name]) => !isInstalled(name));
    if (missing.length > 0) {
      const names = missing.map(([, name]) => name).join(' ');
      throw new Error(`Slurm is not installed. Run apt-get install --no-install-recommends ${names}`);
    }
    const slurm = new Slurm(folder, nodes);
    try {
      await slurm.#configure();
      const at = (name: string): string => join(folder, name);
      const munge = ['--foreground', '--socket', at('munge.socket'), '--key-file', at('munge.key')];
      const files = ['--pid-file', at('munged.pid'), '--log-file', at('munged.log'), '--seed-file', at('munge.seed')];
      slurm.#spawn('munged', [...munge, ...files]);
      slurm.#spawn('slurmctld', ['-D']);
      for (const node of slurm.nodes) slurm.#spawn('slurmd', ['-D', '-N', node]);
      await slurm.until(() => slurm.#idleNodes() === nodes, 60, 'all nodes are idle');
    } catch (thrown) {
      await slurm.stop();
      throw thrown;
    }
    return slurm;
  }

  async #configure(): Promise<void> {
    const [controller, ...daemons] = await freePorts(1 + this.nodes.length);
    const { username } = userInfo();
    const names = this.nodes.join(',');
    const nodes = this.nodes.map(
      (name, i) =>
        `NodeName=${name} NodeHostname=${shortName()} NodeAddr=127.0.0.1 Port=${daemons[i]} CPUs=1 Gres=gpu:1 State=UNKNOWN`,
    );
    const at = (name: string): string => join(this.#folder, name);
    const lines = [
      'ClusterName=study',
      `SlurmctldHost=${shortName()}(127.0.0.1)`,
      `SlurmctldPort=${controller}`,
      `SlurmUser=${username}`,
      `SlurmdUser=${username}`,
      'AuthType=auth/munge',
      'CredType=cred/munge',
      // The least time that a requeued job waits: two minutes by default.
      `AuthInfo=socket=${at('munge.socket')},cred_expire=5`,
      `StateSaveLocation=${at('state')}`,
      `SlurmdSpoolDir=${at('spool-%n')}`,
      `SlurmctldPidFile=${at('slurmctld.pid')}`,
      `SlurmdPidFile=${at('%n.pid')}`,
      `SlurmctldLogFile=${at('slurmctld.log')}`,
      `SlurmdLogFile=${at('%n.log')}`,
      'ProctrackType=proctrack/linuxproc',
      'TaskPlugin=task/none',
      'MpiDefault=none',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_CPU',
      'GresTypes=gpu',
      `KillWait=${GRACE}`,
      'MinJobAge=86400',
      'ReturnToService=2',
      ...nodes,
      `PartitionName=all Nodes=${names} Default=YES MaxTime=INFINITE State=UP`,
    ];
    await mkdir(at('state'), { recursive: true });
    await writeFile(at('slurm.conf'), `${lines.join('\n')}\n`);
    await writeFile(at('gres.conf'), `NodeName=${names} Name=gpu File=/dev/null\n`);
    await writeFile(at('cgroup.conf'), 'CgroupPlugin=disabled\n');
    await writeFile(at('munge.key'), crypto.getRandomValues(new Uint8Array(128)), { mode: 0o600 });
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, SLURM_CONF: join(this.#folder, 'slurm.conf') };
  }

  #spawn(command: string, args: readonly string[]): void {
    this.#children.push(spawn(command, args, { env: this.#env, stdio: 'ignore' }));
  }

  /** Runs a command of Slurm. @returns its output. @throws with its message if it fails. */
  run(command: string, args: readonly string[], cwd = this.#folder): string {
    const { status, stdout, stderr } = spawnSync(command, args, { env: this.#env, cwd, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr || stdout}`);
    return stdout;
  }

  #idleNodes(): number {
    const { status, stdout } = spawnSync('sinfo', ['-h', '-N', '-o', '%T'], { env: this.#env, encoding: 'utf8' });
    return status === 0 ? stdout.split('\n').filter((state) => state === 'idle').length : 0;
  }

  /** Fields of an element of an array, by Slurm's names. */
  element(job: string, index: number): Readonly<Record<string, string>> {
    const text = this.run('scontrol', ['show', 'job', '-o', `${job}_${index}`]);
    return Object.fromEntries([...text.matchAll(/(\w+)=(\S*)/g)].map(([, key, value]) => [key, value]));
  }

  /** Waits until a condition holds. @param what the condition, for the error. @throws after `seconds`. */
  async until(holds: () => boolean | Promise<boolean>, seconds: number, what: string): Promise<void> {
    const end = performance.now() + 1000 * seconds;
    while (!(await holds())) {
      if (performance.now() > end)
        throw new Error(`not within ${seconds} seconds: ${what}; logs are in ${this.#folder}`);
      await sleep(250);
    }
  }

  /** Ends jobs and daemons. */
  async stop(): Promise<void> {
    spawnSync('scancel', ['--signal=KILL', '--full', '--user', userInfo().username], { env: this.#env });
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
  }
}

const shortName = (): string => hostname().split('.')[0];

const isInstalled = (name: string): boolean => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            if (address === null || typeof address === 'string') reject(new Error('no port'));
            else resolve(address.port);
          });
        }),
    ),
  );
  for (const server of servers) server.close();
  return ports;
}
