import type { draw as english } from '../en/draw.ts';
import type { Translated } from '../message.ts';

export const draw: Translated<typeof english> = {
  retransmit: '重传',
  drop: '内核丢包',
  reset: '重置或被拒',
  zeroWindow: '零窗口',
  slow: '缓慢或无应答',
  outOfOrder: '乱序',
  handshake: '握手未完成',
  day: '天',
  hour: '时',
  minute: '分',
  second: '秒',
};
