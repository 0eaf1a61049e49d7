/**
 * Processes that a capture names: option 8 with or without process blocks (Wireshark's PEN 32622, Apple's), and the
 * packet comments of ptcpdump and RustNet. A process goes to the side of a flow that the packet's direction tells:
 * outbound = it sent, inbound = it receives. Without a direction it is not used: the side would be a guess.
 */
import type { CaptureProcess } from '../capture/interface.ts';
import type { Packet as CapturePacket } from '../capture/packet.ts';
import type { FlowModel } from '../flow/model.ts';
import { ROLES_SYN, SOURCE_CAPTURE } from '../flow/names.ts';
import { PROCESS_ARGS_CUT_FLAG, PROCESS_PARENT_KNOWN, PROCESS_UID_KNOWN } from '../flow/processes.ts';
import { SOCKET_AMBIGUOUS } from '../flow/sockets.ts';
import { INBOUND, OUTBOUND } from './tracker.ts';

const OTHER_DIRECTION = 3;

/** What a comment says of a process; null where it does not. */
export interface CommentedProcess {
  pid: number;
  tid: number;
  name: string | null;
  exe: string | null;
  /** Arguments joined by one space: where one ends is not told. */
  args: string | null;
  argsCut: boolean;
  parentPid: number | null;
  uid: number | null;
  /** INBOUND, OUTBOUND or 0. */
  direction: number;
}

function decimal(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null;
}

/**
 * ptcpdump: one comment per topic with lines "Key: value" (PID, Cmd, Args; ThreadId; UserId; ParentPID). RustNet:
 * "rustnet key=value …" (process, pid, ppid, uid, direction). Null when no comment names a pid.
 */
export function processOfComments(comments: readonly string[]): CommentedProcess | null {
  const facts = new Map<string, string>();
  for (const comment of comments) {
    if (comment.startsWith('rustnet ')) {
      for (const word of comment.split(' ').slice(1)) {
        const at = word.indexOf('=');
        if (at > 0) facts.set(`rustnet.${word.slice(0, at)}`, word.slice(at + 1));
      }
      continue;
    }
    for (const line of comment.split('\n')) {
      const at = line.indexOf(':');
      if (at > 0) facts.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
    }
  }
  const rustnetPid = decimal(facts.get('rustnet.pid'));
  if (rustnetPid !== null && rustnetPid > 0) {
    const way = facts.get('rustnet.direction');
    return {
      pid: rustnetPid,
      tid: 0,
      name: facts.get('rustnet.process') ?? null,
      exe: null,
      args: null,
      argsCut: false,
      parentPid: decimal(facts.get('rustnet.ppid')),
      uid: decimal(facts.get('rustnet.uid')),
      direction: way === 'outgoing' ? OUTBOUND : way === 'incoming' ? INBOUND : 0,
    };
  }
  const pid = decimal(facts.get('PID'));
  if (pid === null || pid === 0) return null;
  const command = facts.get('Cmd') ?? facts.get('Command') ?? null;
  const args = facts.get('Args') ?? null;
  return {
    pid,
    tid: decimal(facts.get('ThreadId') ?? facts.get('TID')) ?? 0,
    name: command === null ? null : (command.split('/').pop() ?? command),
    exe: command !== null && command.startsWith('/') ? command : null,
    args,
    argsCut: args !== null && args.endsWith('...'),
    parentPid: decimal(facts.get('ParentPID')),
    uid: decimal(facts.get('UserId')),
    direction: 0,
  };
}

/** Where boot time 0 of a foreign session lies before its origin: far enough that no process began earlier. */
export const FOREIGN_BOOT_NS = 1n << 62n;

export class CaptureOwners {
  readonly #model: FlowModel;
  /** Blocks by pid, in file order. */
  readonly #byPid = new Map<number, CaptureProcess[]>();
  readonly #apple: CaptureProcess[] = [];
  /** Row of `processes` of blocks already there. */
  readonly #rows = new Map<CaptureProcess, number>();
  /** Wall time of the session's origin. */
  originNs: bigint | null = null;

  constructor(model: FlowModel) {
    this.#model = model;
  }

  add(process: CaptureProcess): void {
    if (process.source === 'apple') {
      this.#apple[process.index] = process;
      return;
    }
    const known = this.#byPid.get(process.pid);
    if (known === undefined) this.#byPid.set(process.pid, [process]);
    else known.push(process);
  }

  /** Gives the flow that `packet` was counted in the process that the packet names. `side` sent the packet. */
  note(packet: CapturePacket, flow: number, side: number, atNs: number): void {
    let direction = packet.flags & OTHER_DIRECTION;
    let process = -1;
    let tid = packet.tid;
    if (packet.pid !== 0) process = this.#ofPid(packet.pid, atNs);
    else if (packet.appleEffective >= 0 || packet.appleProcess >= 0) {
      const block = this.#apple[packet.appleEffective >= 0 ? packet.appleEffective : packet.appleProcess];
      if (block !== undefined && block.pid !== 0) process = this.#row(block);
    } else if (packet.hasComments) {
      const said = processOfComments(packet.comments());
      if (said !== null) {
        process = this.#commented(said);
        tid = said.tid;
        if (direction === 0) direction = said.direction;
      }
    }
    if (process < 0 || (direction !== INBOUND && direction !== OUTBOUND)) return;
    this.#own(flow, direction === OUTBOUND ? side : 1 - side, process, tid, atNs);
  }

  #own(flow: number, side: number, process: number, tid: number, atNs: number): void {
    const { flows, sockets } = this.#model;
    const at = flow * 2 + side;
    const opposite = flows.socket.data[at ^ 1]!;
    if (opposite >= 0 && sockets.ownerProcess.data[sockets.lastOwner.data[opposite]!] === process) {
      // Some writers (ptcpdump on loopback) put the connection's process on the packets of both ends. Who sent the SYN
      // is the one that connected; without a SYN nobody can say whose it is.
      const client = flows.roles.data[flow] === ROLES_SYN ? flows.client.data[flow]! - 1 : -1;
      if (client === 1 - side) return;
      sockets.flags.data[opposite] = sockets.flags.data[opposite]! | SOCKET_AMBIGUOUS;
      if (client !== side) return;
    }
    let socket = flows.socket.data[at]!;
    if (socket < 0) {
      // A stand-in for the socket that the capture does not name: made for this side of this flow alone.
      socket = sockets.ensure(flow, 0x80000000 | side, atNs);
      sockets.family.data[socket] = flows.familyOf(flow);
      sockets.protocol.data[socket] = flows.protocolOf(flow);
      flows.socket.data[at] = socket;
    }
    sockets.addOwner(socket, process, tid, SOURCE_CAPTURE, atNs);
  }

  /** Newest block of the pid that had started by then, else the first one (as Wireshark chooses). */
  #ofPid(pid: number, atNs: number): number {
    const blocks = this.#byPid.get(pid);
    if (blocks === undefined) return this.#model.processes.ensure(pid, 0, 0);
    const wall = this.originNs === null ? null : this.originNs + BigInt(Math.round(atNs));
    for (let i = blocks.length - 1; i >= 0; i--) {
      const block = blocks[i]!;
      if (block.startNs === null || wall === null || block.startNs <= wall) return this.#row(block);
    }
    return this.#row(blocks[0]!);
  }

  #row(block: CaptureProcess): number {
    const known = this.#rows.get(block);
    if (known !== undefined) return known;
    const { processes, strings } = this.#model;
    let low = 0;
    let high = 0;
    if (block.startNs !== null && this.originNs !== null) {
      const boot = FOREIGN_BOOT_NS + block.startNs - this.originNs;
      low = Number(boot & 0xffffffffn);
      high = Number((boot >> 32n) & 0xffffffffn);
    }
    const row = processes.ensure(block.pid, low, high);
    if (block.name !== null) processes.comm.data[row] = strings.internText(block.name) + 1;
    if (block.path !== null) processes.exe.data[row] = strings.internText(block.path) + 1;
    if (block.commandLine !== null) processes.args.data[row] = strings.internText(block.commandLine.join('\0')) + 1;
    if (block.parentPid !== null) this.#parent(row, block.parentPid);
    if (block.uid !== null) this.#uid(row, block.uid);
    this.#rows.set(block, row);
    return row;
  }

  #commented(said: CommentedProcess): number {
    const { processes, strings } = this.#model;
    const row = processes.ensure(said.pid, 0, 0);
    const flags = processes.flags.data;
    // What one packet told is not told again: the first comment of a process stays.
    if (processes.comm.data[row] === 0 && said.name !== null) {
      processes.comm.data[row] = strings.internText(said.name) + 1;
    }
    if (processes.exe.data[row] === 0 && said.exe !== null) processes.exe.data[row] = strings.internText(said.exe) + 1;
    if (processes.args.data[row] === 0 && said.args !== null) {
      // Joined by spaces in the comment: given back as words, which is how it reads.
      processes.args.data[row] = strings.internText(said.args.split(' ').join('\0')) + 1;
      if (said.argsCut) flags[row] = flags[row]! | PROCESS_ARGS_CUT_FLAG;
    }
    if (said.parentPid !== null && said.parentPid !== 0) this.#parent(row, said.parentPid);
    if (said.uid !== null) this.#uid(row, said.uid);
    return row;
  }

  #parent(row: number, pid: number): void {
    const { processes } = this.#model;
    processes.parentPid.data[row] = pid;
    processes.flags.data[row] = processes.flags.data[row]! | PROCESS_PARENT_KNOWN;
  }

  #uid(row: number, uid: number): void {
    const { processes } = this.#model;
    processes.uid.data[row] = uid;
    processes.flags.data[row] = processes.flags.data[row]! | PROCESS_UID_KNOWN;
  }
}
