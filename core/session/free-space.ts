/** A recording leaves some of the disk free: a full one harms everything else on the machine. */
import { dirname } from 'node:path';
import { FlowglassError } from '../errors.ts';
import type { FileCalls } from './file-sink.ts';

/** A twentieth of the disk, at most this. */
const RESERVE_BYTES = 256e6;
const RESERVE_SHARE = 0.05;

/** Bytes to be left free where so many more would leave less on the disk of that file; null when there is room. */
export function shortOfSpace(path: string, bytes: number, calls: Pick<FileCalls, 'space'>): number | null {
  const space = calls.space(dirname(path));
  if (space === null) return null;
  const reserve = Math.min(RESERVE_BYTES, space.totalBytes * RESERVE_SHARE);
  return space.freeBytes - bytes >= reserve ? null : reserve;
}

/** The disk is nearly full, so … */
export function nearlyFull(so: string, path: string, hint: string): FlowglassError {
  return new FlowglassError({ code: 'disk-nearly-full', what: `the disk is nearly full, so ${so}`, where: path, hint });
}

/** `256 MB are left free`. */
export function leftFree(reserve: number): string {
  return `${Math.ceil(reserve / 1e6)} MB are left free`;
}
