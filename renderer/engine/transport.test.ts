import { afterEach, expect, it, vi } from 'vitest';
import { desktopTransport } from './transport.ts';

/** A window with a preload script's ear on it: what is posted to it, and the port that it hands over. */
function fakeWindow(): { asked: unknown[]; hand(port: unknown, source?: unknown): void } {
  const target = new EventTarget();
  const asked: unknown[] = [];
  vi.stubGlobal('window', target);
  vi.stubGlobal('addEventListener', target.addEventListener.bind(target));
  vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target));
  vi.stubGlobal('postMessage', (message: unknown) => asked.push(message));
  return {
    asked,
    hand: (port, source = target) => {
      const event = Object.assign(new Event('message'), { source, data: 'flowglass:engine', ports: [port] });
      target.dispatchEvent(event);
    },
  };
}

afterEach(() => vi.unstubAllGlobals());

it('asks the preload script for a port, takes it from this very window only, and speaks over it', async () => {
  const { asked, hand } = fakeWindow();
  const heard: unknown[] = [];
  const transport = desktopTransport({
    onOpen: () => heard.push('open'),
    onMessage: (message) => heard.push(message),
    onView: (buffer) => heard.push(buffer.byteLength),
    onClose: (final) => heard.push(['close', final]),
  });
  expect(asked).toEqual(['flowglass:connect']);
  const { port1, port2 } = new MessageChannel();
  hand(new MessageChannel().port1, {});
  expect(heard).toEqual([]);
  hand(port1);
  expect(heard).toEqual(['open']);
  hand(new MessageChannel().port1); // a port for another viewer of this window
  const requests: unknown[] = [];
  port2.onmessage = ({ data }) => requests.push(data);
  transport.send({ id: 1, method: 'hello', params: {} });
  port2.postMessage({ event: 'state' });
  port2.postMessage(new ArrayBuffer(8));
  await vi.waitFor(() => expect(heard).toEqual(['open', { event: 'state' }, 8]));
  await vi.waitFor(() => expect(requests).toEqual([{ id: 1, method: 'hello', params: {} }]));
  port2.close();
  await vi.waitFor(() => expect(heard.at(-1)).toEqual(['close', false]));
});

it('closes a port that comes after it was closed itself', async () => {
  const { hand } = fakeWindow();
  const onOpen = vi.fn();
  const transport = desktopTransport({ onOpen, onMessage: vi.fn(), onView: vi.fn(), onClose: vi.fn() });
  transport.close();
  const { port1, port2 } = new MessageChannel();
  const closed = vi.fn();
  port2.addEventListener('close', closed);
  port2.start();
  hand(port1);
  await vi.waitFor(() => expect(closed).toHaveBeenCalled());
  expect(onOpen).not.toHaveBeenCalled();
});
