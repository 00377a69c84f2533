import { type ErrorCode, GorpError } from './errors.ts';

/**
 * Whether what goes to an address, and what comes from it, cannot be read or changed on the way: `https:`, or `http:` to
 * this machine itself. The page's own policy says the same; this also holds in Node, and can say why.
 *
 * @param address an absolute URL.
 */
export function isSecureAddress(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  if (protocol === 'https:') return true;
  return protocol === 'http:' && /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}

/**
 * Why a folder's address cannot be used, as a sentence and what to do; null where it can. Settings are written into
 * results and adapters, which people pass on, so an address must hold no secret. The words repeat none.
 */
export function addressProblem(text: string): { message: string; nextStep: string } | null {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    return { message: 'This is not the address of a folder.', nextStep: 'Give the whole address, with https://.' };
  }
  const { username, password, search, hash, origin, pathname } = new URL(text);
  if (username !== '' || password !== '' || search !== '' || hash !== '') {
    return {
      message: `The address has more than server and folder, such as a name, a password or what follows a "?" or "#"; it would be written into results.`,
      nextStep: `Give ${origin}${pathname} alone. Download a folder that needs a login, and choose it from disk.`,
    };
  }
  return isSecureAddress(text) ? null : insecure(origin);
}

const insecure = (where: string): { message: string; nextStep: string } => ({
  message: `What is exchanged with ${where} can be read and changed by anyone on the way.`,
  nextStep: 'Give an address beginning with https://. Plain http:// is for servers on this machine only.',
});

/** The error of an address that is not {@link isSecureAddress}: given by a person, or where a server has redirected to. */
export function insecureAddress(code: ErrorCode, address: string): GorpError {
  const { message, nextStep } = insecure(new URL(address).origin);
  return new GorpError(code, message, nextStep);
}
