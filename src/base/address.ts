import { type ErrorCode, GorpError } from './errors.ts';

/**
 * Whether nobody can read or change the traffic with an address: `https:`, or `http:` to this machine. The page's
 * content security policy demands the same; this check also runs in Node and can say why.
 *
 * @param address an absolute URL.
 */
export function isSecureAddress(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  if (protocol === 'https:') return true;
  return protocol === 'http:' && /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}

/**
 * Why a folder's address cannot be used, and what to do; null if it can. Results and adapters, which people pass on,
 * contain the settings, so an address must hold no secret. The message repeats none.
 */
export function addressProblem(text: string): { message: string; nextStep: string } | null {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    return { message: 'This is not the address of a folder.', nextStep: 'Give the whole address, with https://.' };
  }
  const { username, password, search, hash, origin, pathname } = new URL(text);
  if (username !== '' || password !== '' || search !== '' || hash !== '') {
    return {
      message: `The address has a name, a password, a "?" or a "#", which would be written into results.`,
      nextStep: `Give ${origin}${pathname} alone. If the folder needs a login, download it and choose it from disk.`,
    };
  }
  return isSecureAddress(text) ? null : insecure(origin);
}

const insecure = (where: string): { message: string; nextStep: string } => ({
  message: `Anyone on the network can read and change the traffic with ${where}.`,
  nextStep: 'Give an address that begins with https://. Plain http:// is for servers on this machine only.',
});

/** The error for an address that is not {@link isSecureAddress}: given by a person, or the target of a redirect. */
export function insecureAddress(code: ErrorCode, address: string): GorpError {
  const { message, nextStep } = insecure(new URL(address).origin);
  return new GorpError(code, message, nextStep);
}
