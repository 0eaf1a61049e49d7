/** What a page may not do, whatever runs in it: leave, open windows, ask for devices, reach the network. */
import type { App, IpcEvent, Session, WebContents } from './electron-api.ts';
import { isOurs, START_PAGE } from './page-protocol.ts';

/** Copying a command line; everything else (camera, notifications, reading the clipboard …) is denied. */
const GRANTED = 'clipboard-sanitized-write';
/** What a page may load: itself, and what it made itself. */
const LOADABLE = ['blob:', 'data:', 'devtools:'];

/** Denies permissions and every request to anything but our page. */
export function lockSession(session: Session): void {
  session.setPermissionRequestHandler((_contents, permission, callback, { requestingUrl }) =>
    callback(permission === GRANTED && isOurs(requestingUrl ?? '')),
  );
  session.setPermissionCheckHandler((_contents, permission, origin) => permission === GRANTED && isOurs(`${origin.replace(/\/$/, '')}/`)); // prettier-ignore
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest(({ url }, callback) =>
    callback({ cancel: !isOurs(url) && !LOADABLE.some((scheme) => url.startsWith(scheme)) }),
  );
}

/** Keeps every page where it is, those that do not exist yet included. */
export function lockNavigation(app: App): void {
  app.on('web-contents-created', (_event, contents) => lockContents(contents));
}

function lockContents(contents: WebContents): void {
  const stay = (event: { preventDefault(): void; url: string }): void => {
    if (event.url.split(/[?#]/)[0] !== START_PAGE) event.preventDefault();
  };
  contents.on('will-navigate', stay);
  contents.on('will-redirect', stay);
  contents.on('will-frame-navigate', stay);
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
}

/** True for a message from the top frame of our own page; a frame that is gone, or of another origin, is nobody. */
export function isOurSender({ senderFrame }: IpcEvent): boolean {
  return senderFrame !== null && senderFrame.parent === null && isOurs(senderFrame.url);
}
