import type { settings as english } from '../en/settings.ts';
import type { Translated } from '../message.ts';

export const settings: Translated<typeof english> = {
  labels: '标签',
  labelsHow: 'YAML 规则：满足过滤器的流获得该标签。列“标签”，过滤字段 label。',
  inUse: '使用中：{names}',
  import: '导入…',
  export: '导出',
  networks: '网络与国家',
  networksHow: '引擎所在机器上的离线数据库 (MMDB)，每行一个路径：地址属于谁的网络及其国家。',
  database: '使用中：{type}，构建于 {built}',
};
