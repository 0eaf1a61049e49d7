/** `app://flowglass/`: the built page, and nothing else of this machine. */
import { readFile } from 'node:fs/promises';
import { CONTENT_SECURITY_POLICY, pageFile } from '../core/engine/page.ts';

export const SCHEME = 'app';
/** Everything of ours begins with this. */
export const ORIGIN = `${SCHEME}://flowglass/`;
export const START_PAGE = `${ORIGIN}index.html`;

/** Told to Electron before it is ready: a secure origin of its own with modules and workers, no more. */
export const SCHEME_PRIVILEGES = {
  scheme: SCHEME,
  privileges: { standard: true, secure: true, supportFetchAPI: true },
};

const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** True for an address of our own page. */
export const isOurs = (url: string): boolean => url.startsWith(ORIGIN);

/** Answers requests of the scheme from the folder `root`. */
export function pageProtocol(root: string): (request: { url: string; method: string }) => Promise<Response> {
  const plain = (status: number, text: string): Response =>
    new Response(text, { status, headers: { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' } });
  return async ({ url, method }) => {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Method not allowed');
    if (!isOurs(url)) return plain(404, 'Not found');
    const file = pageFile(root, new URL(url).pathname);
    if (!file) return plain(404, 'Not found');
    try {
      const body = method === 'HEAD' ? null : new Uint8Array(await readFile(file.path));
      return new Response(body, { headers: { ...HEADERS, 'Content-Type': file.type } });
    } catch {
      return plain(404, 'Not found');
    }
  };
}
