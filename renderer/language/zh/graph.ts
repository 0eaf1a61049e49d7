import type { graph as english } from '../en/graph.ts';
import type { Translated } from '../message.ts';

export const graph: Translated<typeof english> = {
  byProcess: '进程',
  byProcessHow: '不分组',
  byUnit: '单元',
  byUnitHow: '按容器、单元和会话',
  byUser: '用户',
  byUserHow: '按用户',
  byName: '名称',
  byNameHow: '名称归入其域名',
  byDomain: '域名',
  byDomainHow: '每个域名一个对端',
  byNetwork: '网络',
  byNetworkHow: '每个网络（/24 或 /64）一个对端',
  byOwner: '归属',
  byOwnerHow: '每个组织或国家一个对端',
  byLabel: '标签',
  byLabelHow: '每个自定义标签一个对端',
};
