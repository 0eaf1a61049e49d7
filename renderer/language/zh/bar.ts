import type { bar as english } from '../en/bar.ts';
import type { Translated } from '../message.ts';

export const bar: Translated<typeof english> = {
  lostEvents: '丢失事件',
  length: '时长',
  packets: '数据包',
  flows: '流',
  traffic: '流量',
  helperCpu: '助手 CPU',
  lostTitle: '{events} 个事件，{packets} 个未保存的数据包，{flow} 个无流的数据包；总数完整',
  cutOff: '被截断',
  cutOffHow: '录制被截断；此处末尾之前的内容都是完整的',
  linkDown: '链路断开',
  export: '导出',
  exportKey: '导出 (E)',
  closeSession: '关闭此会话',
  stopWatching: '停止观测',
  liveOrPast: '实时或过去',
  live: '实时',
  pause: '暂停',
  perMinute: '{size}/分',
  stopRecording: '停止录制',
  stop: '停止',
  record: '录制',
  recorded: '已录制 {size}',
};
