/**
 * Who may talk to `flowglass serve`: a browser that came with a one-time token, through a host name and an origin that
 * are ours. A page of another site can neither read (no CORS) nor connect (Origin, SameSite) nor reach us through a
 * rebound name (Host). Each address lets one browser in, to do everything or only to look.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const COOKIE = 'flowglass';

/** What a browser may do. */
export type Access = 'full' | 'look';

/** One address that is given out. */
interface Invitation {
  readonly access: Access;
  /** null = used. */
  token: string | null;
  /** What the cookie of the browser that used it says. */
  readonly secret: string;
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

export type Refusal = 'host' | 'origin' | 'token' | 'look';

/** Sentences for the person behind each refusal. */
export const REFUSALS: Record<Refusal, string> = {
  host: 'Flowglass answers only under the address it printed. Open that address.',
  origin: 'This request came from another page. Open the address that flowglass serve printed.',
  token: 'This address was used already, or its token is wrong. Start flowglass serve again for a new address.',
  look: 'This address only allows looking. Ask for one that allows more.',
};

export interface GuardOptions {
  readonly port: number;
  /** Host names without port under which we are reached; the loopback names are always let in. */
  readonly hosts: readonly string[];
  /** The address by which a proxy reaches us; null = none. */
  readonly publicUrl: URL | null;
  /** Cookies travel over TLS only. */
  readonly secure: boolean;
  /** One for each browser. */
  readonly invitations: readonly Access[];
}

export class Guard {
  private readonly invitations: Invitation[];
  private readonly hosts: Set<string>;
  private readonly attributes: string;

  constructor({ port, hosts, publicUrl, secure, invitations }: GuardOptions) {
    const names = [
      '127.0.0.1',
      'localhost',
      '[::1]',
      ...hosts.map((host) => (host.includes(':') ? `[${host}]` : host)),
    ];
    this.hosts = new Set(names.map((name) => `${name.toLowerCase()}:${port}`));
    if (publicUrl !== null) {
      const standard = publicUrl.protocol === 'https:' ? 443 : 80;
      for (const host of [publicUrl.host, `${publicUrl.hostname}:${publicUrl.port || standard}`]) this.hosts.add(host);
    }
    this.attributes = `HttpOnly; SameSite=Strict; Path=${publicUrl?.pathname ?? '/'}${secure ? '; Secure' : ''}`;
    this.invitations = invitations.map((access) => ({
      access,
      token: randomBytes(24).toString('base64url'),
      secret: randomBytes(32).toString('base64url'),
    }));
  }

  /** Query part of each printed address. */
  get queries(): string[] {
    return this.invitations.map(({ token }) => `token=${token ?? ''}`);
  }

  hostAllowed(request: IncomingMessage): boolean {
    return this.hosts.has((request.headers.host ?? '').toLowerCase());
  }

  /** Everything but the first visit: Host, Origin when there is one (`needed`: there must be one), cookie. */
  check(request: IncomingMessage, originNeeded: boolean, access: Access = 'look'): Refusal | null {
    if (!this.hostAllowed(request)) return 'host';
    const { origin } = request.headers;
    if (origin === undefined ? originNeeded : !this.originAllowed(origin)) return 'origin';
    const has = this.accessOf(request);
    if (has === null) return 'token';
    return access === 'full' && has === 'look' ? 'look' : null;
  }

  /** What the browser with this cookie may do; null = it was not let in. */
  accessOf(request: IncomingMessage): Access | null {
    for (const part of (request.headers.cookie ?? '').split(';')) {
      const [name, value] = part.trim().split('=');
      if (name !== COOKIE || value === undefined) continue;
      const found = this.invitations.find(({ secret }) => equal(value, secret));
      if (found !== undefined) return found.access;
    }
    return null;
  }

  /** Spends a one-time token: the Set-Cookie value, or null when the token is not (or no longer) right. */
  admit(token: string): string | null {
    const found = this.invitations.find((each) => each.token !== null && equal(token, each.token));
    if (found === undefined) return null;
    found.token = null;
    return `${COOKIE}=${found.secret}; ${this.attributes}`;
  }

  private originAllowed(origin: string): boolean {
    const match = /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase());
    return match !== null && this.hosts.has(match[1] as string);
  }
}
