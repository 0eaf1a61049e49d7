/** Names of what travels between page, preload and main. The contract itself travels over the port. */

/** Page → preload (window message): a new port to the engine, please. */
export const CONNECT = 'flowglass:connect';
/** Main → preload → page, with the port. */
export const ENGINE = 'flowglass:engine';
/** Preload → main: the native open dialog. */
export const CHOOSE_FILE = 'flowglass:choose-file';
