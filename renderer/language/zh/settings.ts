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
  alerts: '告警',
  alertFile: '{path} 中的规则与目标，以及下方您自己的规则。',
  alertTest: '测试',
  alertTestOf: '测试 {name}',
  alertTesting: '正在发送测试 …',
  alertSent: '已发送',
  alertTells: '通知 {names}',
  alertTellsNobody: '不通知任何人',
  alertNow: '自 {time} 起一直如此',
  alertLast: { other: '共 {n} 次，最近一次 {time}：{text}' },
  alertLost: { other: '{n} 条通知丢失。' },
  alertOwn: '您自己的告警',
  alertOwnHow: 'YAML 规则；它们通知本页面和桌面，或引擎所在机器上的文件所指定的目标。',
};
