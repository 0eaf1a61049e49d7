/** What the engine knows of this machine: who may capture, its interfaces, recordings made and opened. */
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { HelloAnswer, RecentAnswer } from '../contract/answers.ts';
import { findRung, installedHelper, joinGroupCommand, userName } from '../helper/ladder.ts';
import { sudoLine } from '../helper/permission.ts';
import { listInterfaces } from '../system/interfaces.ts';
import { effectiveCapabilities } from '../system/kernel.ts';
import { findContainer, findNamespace } from '../system/netns.ts';
import type { SourceLookup } from './capture-sources.ts';
import type { EngineOptions } from './engine.ts';
import { regularFile } from './regular-file.ts';
import { readState, stateFolder, writeState } from '../system/state-file.ts';

const RECENT_MAX = 20;
const recentFile = z.array(z.string().min(1).max(4096)).max(1000);

/** Interfaces, namespaces and containers of this machine. */
export const LOOKUP = {
  interfaces: listInterfaces,
  namespace: findNamespace,
  container: findContainer,
} satisfies SourceLookup;

/** The engine's options on this machine. `version` = of the product. */
export function machineOptions(version: string): EngineOptions {
  return {
    version,
    capture,
    ...LOOKUP,
    recent,
    opened,
    newRecording,
    recordings: { folder: recordingsFolder, memory: join(stateFolder(), 'sessions.json') },
    demo: demoPath(),
    flightFolder: stateFolder(),
    alerts: null,
  };
}

/** The demo session that comes with the program; null when it does not. */
export function demoPath(): string | null {
  const here = fileURLToPath(new URL('.', import.meta.url)); // dist/core/engine/ or core/engine/
  const candidates = [join(here, '../../../docs/demo.pcapng'), join(here, '../../docs/demo.pcapng')];
  return candidates.find((path) => existsSync(path)) ?? null;
}

/** An AppImage or archive brings what installs its helper; a package of the system does that itself. */
const bringsInstaller = (): boolean => existsSync(fileURLToPath(new URL('../../../../bin/install-helper', import.meta.url))); // prettier-ignore

function capture(): HelloAnswer['capture'] {
  const needed = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'] as const;
  let have: readonly string[] = [];
  try {
    have = effectiveCapabilities();
  } catch {
    // no /proc: the helper will say what is wrong
  }
  const missing = needed.filter((capability) => !have.includes(capability) && !have.includes('CAP_SYS_ADMIN'));
  const yes = { possible: true, reason: null, command: null, installable: false };
  if (missing.length === 0) return yes;
  const installed = installedHelper();
  if (findRung().kind === 'pkexec' || installed === 'runnable') return yes;
  if (installed === 'forbidden') {
    const reason = `The capture helper is installed. It only answers users in the group flowglass, and ${userName()} is not in it. Sign in again afterwards.`;
    return { possible: false, reason, command: joinGroupCommand(), installable: false };
  }
  return {
    possible: false,
    reason: `One small program has to run as root for it: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing here. Flowglass itself stays a normal app.`,
    // Root cannot look into an AppImage that somebody else started.
    command: process.env['APPIMAGE'] ? null : sudoLine(),
    installable: bringsInstaller(),
  };
}

const recentPath = (): string => join(stateFolder(), 'recent.json');
const readRecent = (): string[] => readState(recentPath(), recentFile) ?? [];

function recent(): RecentAnswer[] {
  return readRecent().flatMap((path) => {
    const info = regularFile(path);
    return info ? [{ path, name: basename(path), modified: info.mtime.toISOString(), bytes: info.size }] : [];
  });
}

/** Remembers a file. */
function opened(path: string): void {
  const absolute = resolve(path);
  if (absolute === demoPath()) return;
  writeState(recentPath(), [absolute, ...readRecent().filter((known) => known !== absolute)].slice(0, RECENT_MAX));
}

const recordingsFolder = (): string => resolve(process.env['FLOWGLASS_RECORDINGS'] || join(homedir(), 'Flowglass'));

/** A name for a recording that begins now, in the recordings folder. */
function newRecording(): string {
  const folder = recordingsFolder();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const now = new Date();
  const two = (n: number): string => String(n).padStart(2, '0');
  const stem = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())} ${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}`;
  for (let n = 1; ; n++) {
    const path = join(folder, `${stem}${n === 1 ? '' : ` ${n}`}.pcapng`);
    if (!existsSync(path)) return path;
  }
}
