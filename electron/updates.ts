/**
 * Updates of the AppImage; deb and rpm are the distribution's. electron-updater fetches and replaces the file; whether to look,
 * whose it must be, and when never to disturb is decided here.
 */
import { isSigned } from './update-signature.ts';

/** What we use of electron-updater's AppImageUpdater. */
export interface Updater {
  autoDownload: boolean;
  autoInstallOnAppQuit: boolean;
  disableDifferentialDownload: boolean;
  allowDowngrade: boolean;
  requestHeaders: Record<string, number | string | string[] | undefined> | null;
  checkForUpdates(): Promise<{ isUpdateAvailable: boolean; updateInfo: object & { version: string } } | null>;
  downloadUpdate(): Promise<unknown>;
  /** `again` = start the new one. */
  quitAndInstall(silent: boolean, again: boolean): void;
}

export interface UpdateOptions {
  updater: Updater;
  /** Ed25519, SPKI, base64. */
  publicKey: string;
  wanted(): boolean;
  recording(): boolean;
  /** A newer version lies ready. */
  onReady(version: string): void;
  /** Something a person should know. */
  onTrouble(what: string): void;
}

/** How often is looked while the app runs. */
const EVERY_MS = 24 * 3600_000;

/** How a look ended; `ready` also when it had been fetched before. */
export type Look = 'off' | 'recording' | 'none' | 'unsigned' | 'failed' | 'ready';

export class Updates {
  readonly #options: UpdateOptions;
  #ready: string | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: UpdateOptions) {
    this.#options = options;
    Object.assign(options.updater, {
      autoDownload: false,
      autoInstallOnAppQuit: false,
      disableDifferentialDownload: true,
      allowDowngrade: false,
      // electron-updater would send a number that is the same each time, for staged rollouts: we have none.
      requestHeaders: { 'x-user-staging-id': '00000000-0000-0000-0000-000000000000' },
    } satisfies Partial<Updater>);
  }

  /** Version that can be installed now; null when there is none. */
  get ready(): string | null {
    return this.#ready;
  }

  /** Looks now and every day. */
  begin(): void {
    void this.look();
    this.#timer = setInterval(() => void this.look(), EVERY_MS);
    this.#timer.unref();
  }

  end(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  /** One look. While something is recorded nothing is asked and nothing fetched. */
  async look(): Promise<Look> {
    const { updater, publicKey, wanted, recording, onReady, onTrouble } = this.#options;
    if (this.#ready !== null) return 'ready';
    if (!wanted()) return 'off';
    if (recording()) return 'recording';
    try {
      const found = await updater.checkForUpdates();
      if (!found?.isUpdateAvailable) return 'none';
      const { version } = found.updateInfo;
      if (!isSigned(found.updateInfo, publicKey)) {
        onTrouble(`Version ${version} is offered but not signed by the developers of Flowglass: it was not fetched`);
        return 'unsigned';
      }
      if (recording()) return 'recording';
      await updater.downloadUpdate();
      this.#ready = version;
      onReady(version);
      return 'ready';
    } catch {
      return 'failed'; // no network, or bytes that are not what was signed: the next look tells
    }
  }

  /** Replaces the AppImage and starts the new one. */
  install(): void {
    if (this.#ready !== null && !this.#options.recording()) this.#options.updater.quitAndInstall(true, true);
  }
}
