import type { stream as english } from '../en/stream.ts';
import type { Translated } from '../message.ts';

export const stream: Translated<typeof english> = {
  title: '数据流',
  text: '文本',
  hex: '十六进制',
  raw: '原始',
  both: '双方',
  clientSide: '客户端',
  serverSide: '服务器',
  client: '客户端',
  server: '服务器',
  cut: '{bytes} 被捕获截断',
  absent: '捕获中缺少 {bytes}',
  sums: '客户端 {client} · 服务器 {server}',
  missing: '缺少 {bytes}',
  truncated: '仅前 1 MiB',
  side: '哪一方',
  shownAs: '显示为',
  save: '保存字节',
  said: '双方的内容',
  drawnMax: '只绘制前 256 KiB；“保存字节”写出全部。',
  none: '没有保存此流的负载：只计了数、没有捕获，或录制时未含负载。',
};
