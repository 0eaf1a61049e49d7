import type { remote as english } from '../en/remote.ts';
import type { Translated } from '../message.ts';

export const remote: Translated<typeof english> = {
  title: '附加到主机',
  host: '主机：user@host，或 ssh 配置中的名称',
  connect: '连接',
  how: '通过本机已配置的 ssh。捕获助手随连接带去，用完即取走；不会在那里写入任何内容。',
  connecting: '正在连接…',
  attaching: '正在附加…',
  interfaces: '{host} 的接口',
  tcpdump: '仅数据包，由那里的 tcpdump 提供',
  cancel: '关闭',
  lost: '与 {host} 的连接已断开。',
};
