/** The texts of the officer's working day: queue, limits, keys, what happens around a call. zh-CN first, en second. */

import { both } from "../web/words.js";

export const WORDS = {
  tabToday: both("今日通话", "Calls made"),
  tabStaff: both("停用人员", "Suspended staff"),
  notForYou: both("您的账号没有本页的权限", "Your account has no access to this page"),
  notForYouWhat: both(
    "本页供客户经理和主管使用。网点柜员请打开柜台页面；如权限有误，请联系管理员。",
    "This page is for officers and supervisors. Branch clerks have a page of their own. If your access is wrong, ask your administrator.",
  ),
  toCounter: both("打开柜台页面", "Open the counter's page"),

  queue: both("待拨电话", "Calls to make"),
  queueEmpty: both("没有预约的来电。", "No call has been announced."),
  queueStates: {
    due: both("现在可拨", "Due now"),
    later: both("稍后", "Later"),
    missed: both("已错过", "Missed"),
    called: both("已通话", "Done"),
  },
  window: both("{from}—{to}", "{from}–{to}"),
  tried: both("{time} 已拨，未接通", "Tried at {time}, no answer"),
  foundTotal: both("共 {total} 笔", "{total} in all"),
  foundSome: both("共 {total} 笔，已显示 {count} 笔", "{count} of {total} shown"),
  foundMany: both("共 1000 笔以上，已显示 {count} 笔", "{count} shown of more than 1,000"),
  none: both("没有符合的申请。", "No application matches."),

  limits: both(
    "可拨时间 {start}—{end}（客户当地时间）；每笔申请每天最多 {cap} 次，每位客户每天最多 {person} 次；新号码登记满 {hours} 小时后可拨。",
    "Calls from {start} to {end} by the customer's clock; at most {cap} a day on an application and {person} to a person; new numbers after {hours} hours.",
  ),
  calledToday: both("今天已拨 {count} 次", "{count} calls today"),
  coolsUntil: both("新登记，{time} 后可拨", "New: may be called from {time}"),
  foreseen: both("这个号码现在不能拨打", "This number cannot be called now"),
  needsApproval: both("确需拨打的，请点“获取核实码”，再请主管审批。", "If the call cannot wait, press “Get a code”, then ask a supervisor."),

  dialIt: both("拨打 {number}", "Dial {number}"),
  copy: both("复制核实码", "Copy the code"),
  copied: both("核实码已复制。", "The code is copied."),
  copyFailed: both("没有复制成功，请手动抄录。", "It could not be copied. Please write it down."),
  codeInTitle: both("● 请读出核实码", "● Read out the code"),
  revokeSure: both("确定作废吗？客户将无法再用它核实。", "Cancel this code? The customer can then no longer confirm with it."),
  revokeYes: both("作废", "Cancel the code"),
  revokeNo: both("保留", "Keep it"),
  next: both("下一位：{name}", "Next: {name}"),

  keys: both("快捷键", "Keyboard shortcuts"),
  keysOn: both("启用单键快捷键", "Use single-key shortcuts"),
  chimeOn: both("接通时响铃", "Chime when a call is connected"),
  keyHelp: both("显示本表", "Show this list"),
  keyClose: both("关闭本表", "Close this list"),
  keySearch: both("查找客户", "Search"),
  keyDown: both("列表下一项", "Next in the list"),
  keyUp: both("列表上一项", "Previous in the list"),
  keyList: both("回到客户列表", "Back to the list"),
  keyToday: both("今日通话", "Calls made today"),
  keyNext: both("下一位客户", "Next customer"),
  keyGet: both("获取核实码", "Get a code"),
  keyDial: both("拨打电话", "Dial"),
  keyCopy: both("复制核实码", "Copy the code"),
  keyRevoke: both("作废本次核实码", "Cancel this code"),
};
