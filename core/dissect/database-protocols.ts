/** First messages of PostgreSQL, MySQL and Redis: what they are recognised by, and where requests and answers begin. */
import { u16, u32 } from './bytes.ts';

const STARTUP_MAX = 10_000;
const PROTOCOL_3 = 3;
/** Instead of a version: cancel, TLS, GSSAPI. */
const CANCEL = 80877102;
const TLS = 80877103;
const GSSAPI = 80877104;

const isText = (byte: number): boolean => byte >= 32 && byte < 127;

/** A client's first message (PostgreSQL, chapter "Message Formats"): StartupMessage, SSLRequest, CancelRequest. */
export function isPostgresStart(bytes: Uint8Array, start: number, length: number): boolean {
  if (length < 8) return false;
  const size = u32(bytes, start);
  const code = u32(bytes, start + 4);
  if (code === TLS || code === GSSAPI) return size === 8;
  if (code === CANCEL) return size === 16;
  if (code >>> 16 !== PROTOCOL_3 || (code & 0xffff) > 9 || size < 14 || size > STARTUP_MAX) return false;
  let at = start + 8; // names and values follow, each with its NUL
  while (at < start + length && isText(bytes[at]!)) at++;
  return at > start + 8 && at < start + length && bytes[at] === 0;
}

/** Messages with which a client asks for something: Query, Parse, Bind, Execute, FunctionCall, Sync. */
export const isPostgresRequest = (first: number): boolean => 'QPBEFS'.includes(String.fromCharCode(first));

/** Place and length of server_version among the messages that begin at `start`; length 0 = it is not there. */
export function postgresVersion(
  bytes: Uint8Array,
  start: number,
  length: number,
): readonly [at: number, length: number] {
  const end = start + length;
  const name = 'server_version\0';
  for (let at = start; at + 5 <= end;) {
    const size = u32(bytes, at + 1);
    if (size < 4 || size > STARTUP_MAX) break;
    const value = at + 5 + name.length;
    if (bytes[at] === 0x53 && value <= end && textIs(bytes, at + 5, name)) {
      let stop = value;
      while (stop < end && isText(bytes[stop]!)) stop++;
      return bytes[stop] === 0 ? [value, stop - value] : [0, 0];
    }
    at += 1 + size;
  }
  return [0, 0];
}

function textIs(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

const MYSQL_HEADER = 4;
const MYSQL_PROTOCOL = 10;
const MYSQL_VERSION_MAX = 100;
/** The last command that there is (COM_RESET_CONNECTION), and MariaDB's own of bulks. */
const MYSQL_COMMAND_MAX = 0x1f;
const MARIADB_BULK = 0xfa;

const mysqlSize = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);

/** Length of the version in a server's greeting (protocol 10), which stands at start + 5; 0 = it is none. */
export function mysqlGreeting(bytes: Uint8Array, start: number, length: number): number {
  if (length < 24 || bytes[start + 3] !== 0 || bytes[start + 4] !== MYSQL_PROTOCOL) return 0;
  const size = mysqlSize(bytes, start);
  if (size + MYSQL_HEADER > length || size > 1024) return 0;
  let at = start + 5;
  while (at < start + length && isText(bytes[at]!)) at++;
  const version = at - start - 5;
  // After it: thread, eight bytes of a challenge, a zero.
  const digit = bytes[start + 5]!;
  return version >= 3 && version <= MYSQL_VERSION_MAX && digit >= 0x30 && digit <= 0x39 && bytes[at] === 0 && bytes[at + 13] === 0 // prettier-ignore
    ? version
    : 0;
}

/** Does a command of a client begin there? */
export function isMysqlCommand(bytes: Uint8Array, start: number, length: number): boolean {
  if (length < MYSQL_HEADER + 1 || bytes[start + 3] !== 0 || mysqlSize(bytes, start) === 0) return false;
  const command = bytes[start + 4]!;
  return command > 0 && (command <= MYSQL_COMMAND_MAX || command === MARIADB_BULK);
}

/** Does an answer begin there? It counts on from the command's number. */
export const isMysqlAnswer = (bytes: Uint8Array, start: number, length: number): boolean =>
  length > MYSQL_HEADER && bytes[start + 3] === 1 && mysqlSize(bytes, start) > 0;

/** A command as clients send it: an array of bulk strings (RESP), `*2\r\n$3\r\nGET\r\n…`. */
export function isRedisCommand(bytes: Uint8Array, start: number, length: number): boolean {
  const end = start + length;
  if (length < 8 || bytes[start] !== 0x2a) return false;
  let at = digits(bytes, start + 1, end, 7);
  if (at < 0 || u16(bytes, at) !== 0x0d0a || bytes[at + 2] !== 0x24) return false;
  at = digits(bytes, at + 3, end, 10);
  return at >= 0 && at + 2 <= end && u16(bytes, at) === 0x0d0a;
}

/** Types of RESP2 and RESP3 with which an answer begins. */
export const isRedisAnswer = (first: number): boolean => '+-:$*_#,(!=%~>'.includes(String.fromCharCode(first));

/** Behind one to `most` digits, −1 = there are none, or the bytes end. */
function digits(bytes: Uint8Array, from: number, end: number, most: number): number {
  let at = from;
  while (at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
  return at === from || at - from > most || at + 2 > end ? -1 : at;
}
