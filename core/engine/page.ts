/** The built page as files: which of them may be handed out, and under which policy. The same over http and app://. */
import { statSync } from 'node:fs';
import { extname, resolve, sep } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** Nothing but our own files; styles are set by scripts (positions of rows), hence `unsafe-inline` for them alone. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export interface PageFile {
  path: string;
  /** MIME type. */
  type: string;
  /** Its name carries a digest of its contents: it may be kept for ever. */
  hashed: boolean;
}

/** The file that a URL path names below `root`; null for what is not there, not of the page, or outside of it. */
export function pageFile(root: string, pathname: string): PageFile | null {
  let path: string;
  try {
    path = resolve(root, `.${decodeURIComponent(pathname === '/' ? '/index.html' : pathname)}`);
  } catch {
    return null;
  }
  const type = TYPES[extname(path)];
  if (type === undefined || path.includes('\0') || !path.startsWith(resolve(root) + sep)) return null;
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return null;
  return { path, type, hashed: pathname.startsWith('/assets/') };
}
