/**
 * Who may talk to `flowglass serve`: a browser that came with the one-time token, through a host name and an origin
 * that are ours. A page of another site can neither read (no CORS) nor connect (Origin, SameSite) nor reach us through
 * a rebound name (Host).
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const COOKIE = 'flowglass';

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

export type Refusal = 'host' | 'origin' | 'token';

/** Sentences for the person behind each refusal. */
export const REFUSALS: Record<Refusal, string> = {
  host: 'Flowglass answers only under the address it printed. Open that address.',
  origin: 'This request came from another page. Open the address that flowglass serve printed.',
  token: 'This address was used already, or its token is wrong. Start flowglass serve again for a new address.',
};

export class Guard {
  private token: string | null = randomBytes(24).toString('base64url');
  private readonly secret = randomBytes(32).toString('base64url');
  private readonly hosts: Set<string>;

  /** `hosts` are host names without port; the loopback names are always let in. */
  constructor(port: number, hosts: readonly string[]) {
    const names = new Set([
      '127.0.0.1',
      'localhost',
      '[::1]',
      ...hosts.map((host) => (host.includes(':') ? `[${host}]` : host)),
    ]);
    this.hosts = new Set([...names].map((name) => `${name.toLowerCase()}:${port}`));
  }

  /** Query part of the printed address. */
  get query(): string {
    return `token=${this.token ?? ''}`;
  }

  hostAllowed(request: IncomingMessage): boolean {
    return this.hosts.has((request.headers.host ?? '').toLowerCase());
  }

  /** Everything but the first visit: Host, Origin when there is one (`needed`: there must be one), cookie. */
  check(request: IncomingMessage, originNeeded: boolean): Refusal | null {
    if (!this.hostAllowed(request)) return 'host';
    const { origin } = request.headers;
    if (origin === undefined ? originNeeded : !this.originAllowed(origin)) return 'origin';
    return this.hasCookie(request) ? null : 'token';
  }

  /** Spends the one-time token: the Set-Cookie value, or null when the token is not (or no longer) right. */
  admit(token: string): string | null {
    if (this.token === null || !equal(token, this.token)) return null;
    this.token = null;
    return `${COOKIE}=${this.secret}; HttpOnly; SameSite=Strict; Path=/`;
  }

  private originAllowed(origin: string): boolean {
    const match = /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase());
    return match !== null && this.hosts.has(match[1] as string);
  }

  private hasCookie(request: IncomingMessage): boolean {
    for (const part of (request.headers.cookie ?? '').split(';')) {
      const [name, value] = part.trim().split('=');
      if (name === COOKIE && value !== undefined && equal(value, this.secret)) return true;
    }
    return false;
  }
}
