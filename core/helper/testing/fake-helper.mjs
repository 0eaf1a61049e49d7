#!/usr/bin/env node
// Stands in for flowglass-helper in tests that need no kernel: speaks the protocol by hand and misbehaves as the
// environment variable FAKE says; with `talk` it tells of one flow, and dies or fails by the name of its namespace.
import { connect } from 'node:net';

const mode = process.env.FAKE ?? 'good';
const place = process.argv[process.argv.indexOf('--netns') + 1] ?? '';
if (mode === 'silent') setInterval(() => undefined, 1000);
if (mode === 'exit3' || place === '/exit3') {
  process.stderr.write('flowglass-helper: CAP_BPF is missing\n');
  process.exit(3);
}
if (mode === 'exit1') {
  process.stderr.write('some noise\nflowglass-helper: the kernel has no BTF\n');
  process.exit(1);
}

function frame(type, payload) {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt16LE(type, 4);
  return Buffer.concat([header, payload]);
}
function log(level, text) {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(level, 0);
  head.writeUInt32LE(Buffer.byteLength(text), 4);
  return frame(13, Buffer.concat([head, Buffer.from(text)]));
}
function hello(token) {
  const bytes = Buffer.alloc(224);
  bytes.writeUInt32LE(0x53474c46, 0);
  bytes.writeUInt32LE(mode === 'version' ? 99 : 1, 4);
  if (mode !== 'token') token.copy(bytes, 8);
  bytes.write('6.18.0-test', 72);
  return frame(1, bytes);
}
function stats(type, reason) {
  const bytes = Buffer.alloc(200);
  bytes.writeBigUInt64LE(5_000_000n, 8);
  bytes.writeBigUInt64LE(3n, 16);
  bytes.writeBigUInt64LE(700n, 160);
  bytes.writeUInt32LE(reason, 192);
  return frame(type, bytes);
}
function attached(iface, state) {
  const bytes = Buffer.alloc(312);
  bytes.writeUInt16LE(iface, 0);
  bytes.writeUInt16LE(state, 2);
  bytes.write('fake0', 80);
  bytes.write(state === 4 ? 'another program is attached' : 'tcx', 144);
  return frame(3, bytes);
}

let token = Buffer.alloc(0);
process.stdin.on('data', (bytes) => {
  token = Buffer.concat([token, bytes]);
  if (token.length === 32 && mode !== 'silent') start();
});
process.stdin.on('end', () => process.exit(0));

function start() {
  const socket = connect(process.argv[process.argv.indexOf('--socket') + 1]);
  let input = Buffer.alloc(0);
  socket.on('error', () => process.exit(1));
  socket.on('close', () => process.exit(0));
  socket.on('data', (bytes) => {
    input = Buffer.concat([input, bytes]);
    while (input.length >= 8 && input.length >= 8 + input.readUInt32LE(0)) {
      const length = input.readUInt32LE(0);
      command(socket, input.readUInt16LE(4), input.subarray(8, 8 + length));
      input = input.subarray(8 + length);
    }
  });
}

function command(socket, type, payload) {
  if (type === 128) {
    if (mode === 'load3') {
      socket.end(log(1, 'this user may not load BPF programs\n'), () => process.exit(3));
      return;
    }
    if (mode === 'load-silent') return;
    if (mode === 'garbage') socket.write(Buffer.from('474554202f20485454502f312e310d0a', 'hex'));
    else socket.write(hello(token));
    if (mode === 'killed') setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);
  }
  if (type === 129) socket.write(attached(payload.readUInt16LE(4), mode === 'busy' ? 4 : 1));
  if (type === 129 && mode === 'talk') {
    const flow = Buffer.alloc(184);
    flow.writeUInt16LE(2, 0); // its CPU
    const clock = Buffer.alloc(32);
    socket.write(Buffer.concat([frame(2, clock), frame(4, flow), stats(12, 0), frame(16, clock)]));
    if (place === '/dies') setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100);
  }
  if (type === 135 && mode !== 'no-bye') socket.end(stats(14, mode === 'failed-bye' ? 4 : 1), () => process.exit(0));
}
