/** The name people know a process by. */
import type { FlowModel } from '../flow/model.ts';

const COMM_MAX = 15;

/**
 * The leader's comm, which the kernel cuts to 15 bytes; the file name of the program where comm is its beginning. Bytes
 * as the kernel has them; null = not known.
 */
export function nameOfProcess(model: FlowModel, row: number): Uint8Array | null {
  const { processes, strings } = model;
  const bytesOf = (string: number): Uint8Array | null => (string === 0 ? null : strings.bytesOf(string - 1));
  const comm = bytesOf(processes.comm.data[row]!);
  const exe = bytesOf(processes.exe.data[row]!) ?? bytesOf(processes.file.data[row]!);
  if (comm === null || exe === null || comm.length < COMM_MAX) return comm;
  const base = exe.subarray(exe.lastIndexOf(0x2f) + 1);
  const isPrefix = base.length > comm.length && comm.every((byte, i) => base[i] === byte);
  return isPrefix ? base : comm;
}
