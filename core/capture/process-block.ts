import {
  PEN_WIRESHARK,
  PROCESS_COMMAND_LINE,
  PROCESS_NAME,
  PROCESS_PARENT,
  PROCESS_PATH,
  PROCESS_START,
  PROCESS_UID,
  PROCESS_USER,
  WIRESHARK_PROCESS_ENTRY,
} from './format.ts';
import type { CaptureProcess } from './interface.ts';
import { readText, walkOptions } from './options.ts';

/**
 * Reads the body of a Custom Block (from its enterprise number on) as Wireshark's process information: PEN 32622,
 * entry type 3, numbers little-endian whatever the section is (wireshark/wireshark, pcapng-wireshark-custom.c).
 * Null when it is something else or damaged.
 */
export function readWiresharkProcess(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  littleEndian: boolean,
): CaptureProcess | null {
  if (start + 16 > end || view.getUint32(start, littleEndian) !== PEN_WIRESHARK) return null;
  if (view.getUint32(start + 4, true) !== WIRESHARK_PROCESS_ENTRY) return null;
  const length = view.getUint32(start + 8, true);
  if (length < 4 || start + 12 + length > end) return null;
  const found = {
    source: 'wireshark' as const,
    index: -1,
    pid: view.getUint32(start + 12, true),
    name: null as string | null,
    path: null as string | null,
    commandLine: null as string[] | null,
    parentPid: null as number | null,
    uid: null as number | null,
    user: null as string | null,
    startNs: null as bigint | null,
  };
  walkOptions(view, start + 16, start + 12 + length, true, (code, at, size) => {
    if (code === PROCESS_NAME) found.name = readText(bytes, at, at + size);
    else if (code === PROCESS_PATH) found.path = readText(bytes, at, at + size);
    else if (code === PROCESS_USER) found.user = readText(bytes, at, at + size);
    else if (code === PROCESS_PARENT && size === 4) found.parentPid = view.getUint32(at, true);
    else if (code === PROCESS_UID && size === 4) found.uid = view.getUint32(at, true);
    else if (code === PROCESS_START && size === 8) found.startNs = view.getBigUint64(at, true);
    else if (code === PROCESS_COMMAND_LINE) {
      const words: string[] = [];
      let from = at;
      for (let here = at; here <= at + size; here++) {
        if (here < at + size && bytes[here] !== 0) continue;
        words.push(readText(bytes, from, here));
        from = here + 1;
      }
      found.commandLine = words;
    }
  });
  return found;
}

/**
 * Reads the body of Apple's Darwin process block: u32 pid, option 2 = name. Packets refer to it by its position among
 * such blocks.
 */
export function readAppleProcess(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  littleEndian: boolean,
  index: number,
): CaptureProcess | null {
  if (start + 4 > end) return null;
  let name: string | null = null;
  walkOptions(view, start + 4, end, littleEndian, (code, at, size) => {
    if (code === PROCESS_NAME) name = readText(bytes, at, at + size);
  });
  return {
    source: 'apple',
    index,
    pid: view.getUint32(start, littleEndian),
    name,
    path: null,
    commandLine: null,
    parentPid: null,
    uid: null,
    user: null,
    startNs: null,
  };
}
