import type { groupings as english } from '../en/groupings.ts';
import type { Translated } from '../message.ts';

export const groupings: Translated<typeof english> = {
  process: '进程名',
  pid: '进程',
  user: '用户',
  unit: '单元或容器',
  container: '容器',
  peer: '对端',
  domain: '对端域名',
  network: '对端网络',
  owner: '对端组织',
  label: '标签',
  protocol: '协议',
  application: '应用协议',
  port: '端口',
  state: '状态',
  interface: '接口',
};
