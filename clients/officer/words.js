/** The texts of the officer's console, zh-CN first, en second. Implements specs/protocol.md section 7.4. */

import { both } from "../web/words.js";

/** @typedef {import("../web/language.js").Both} Both */

/** The rules of the contact policy, and what an officer can do. @type {Record<string, {name: Both, what: Both}>} */
const rules = {
  officer_assigned: {
    name: both("您不是这笔申请的客户经理", "You are not assigned"),
    what: both("请在信贷系统中调整分配。", "Have the assignment changed in the loan system."),
  },
  purpose: {
    name: both("当前状态不能以此事由致电", "Not a purpose for this status"),
    what: both("请选择其他事由。状态有误的，请在信贷系统中更正。", "Choose another purpose. If the status is wrong, have it corrected in the loan system."),
  },
  application_open: {
    name: both("已办结，可联系期限已过", "Closed, and the time for calls about it is over"),
    what: both("不能再就它致电客户。", "The customer cannot be phoned about it any more."),
  },
  consent: {
    name: both("客户不同意此类来电", "The customer has not agreed to such calls"),
    what: both("只有客户本人可以更改。请选择其他事由。", "Only the customer can change that. Choose another purpose."),
  },
  number_on_file: {
    name: both("号码未登记", "The number is not on file"),
    what: both("请客户先更新预留号码。", "The customer must register it first."),
  },
  contact_right: {
    name: both("该联系人不可致电", "This contact must not be called"),
    what: both("请选择其他联系人。", "Choose another contact."),
  },
  number_cooling_off: {
    name: both("号码登记未满规定时间", "The number was registered too recently"),
    what: both("请拨打其他登记号码，或请主管审批。", "Ring another number on file, or ask a supervisor."),
  },
  contact_hours: {
    name: both("不在客户当地的联系时间内", "It is outside the customer's contact hours"),
    what: both("请稍后再拨，或请主管审批。", "Ring later, or ask a supervisor."),
  },
  daily_cap: {
    name: both("这笔申请今天已达到拨打次数上限", "Today's number of calls on this application has been reached"),
    what: both("请明天再拨，或请主管审批。", "Ring tomorrow, or ask a supervisor."),
  },
  person_daily_cap: {
    name: both("这位客户今天已达到拨打次数上限（含其他申请）", "Today's number of calls to this customer has been reached, on all applications"),
    what: both("请明天再拨，或请主管审批。", "Ring tomorrow, or ask a supervisor."),
  },
  caller_number: {
    name: both("外显号码不是本行号码", "The number you call from is not one of the bank's"),
    what: both("请用本行登记的号码拨打，不要用私人手机。", "Call from a number of the bank, never from a private telephone."),
  },
  exception: {
    name: both("审批已使用或已过期", "The approval has been used or is over"),
    what: both("请重新申请。", "Ask again."),
  },
};

export const WORDS = {
  title: both("客户经理工作台", "Officer desk"),
  tabApplications: both("客户", "Customers"),
  tabExceptions: both("审批", "Approvals"),

  applications: both("我的申请", "My applications"),
  search: both("查找", "Search"),
  searchHint: both("姓名、拼音或首字母、编号、号码、产品", "Name, pinyin or initials, reference, number, product"),
  openCall: both("通话中", "Call open"),
  statuses: {
    enquiry: both("意向客户（尚未申请）", "Enquiry (no application yet)"),
    closed: both("已办结", "Closed"),
  },
  closedSince: both("已办结（{date}）", "Closed on {date}"),
  languages: { "zh-CN": both("客户语言：中文", "speaks Chinese"), en: both("客户语言：英文", "speaks English") },

  borrowers: { person: both("个人借款人", "person"), company: both("企业借款人", "company") },
  contactCount: both("{count} 位联系人", "contacts: {count}"),
  whom: both("打给谁", "Whom to call"),
  speaks: { "zh-CN": both("语言：中文", "speaks Chinese"), en: both("语言：英文", "speaks English") },
  theirTime: both("当地时间 {time}", "local time {time}"),
  notCalled: both("不可致电：未登记为可致电的联系人", "Not to be called: the bank has not registered them for calls"),
  noNumber: both("不可致电：没有登记号码", "Not to be called: no number on file"),
  noConsent: both("不可致电：本人不同意接听来电", "Not to be called: they have not agreed to calls"),
  calling: both("打给", "Calling"),
  noLongerContact: both("已不是这笔申请的联系人", "no longer a contact of this application"),

  number: both("拨打号码", "Number"),
  purpose: both("事由", "Purpose"),
  noPurpose: both("现在不能以任何事由致电。", "No call is allowed on this application now."),
  otherPurposes: both("其他事由为何不能选", "Why not another purpose"),
  callerNumber: both("外显号码", "Calling from"),
  getCode: both("获取核实码", "Get a code"),
  approved: both("主管已批准（{rules}），{time} 前可拨打一次。", "Approved by a supervisor ({rules}): one call until {time}."),
  callOpen: both("这笔申请正在另一通电话中。", "Another call on this application is open."),
  toOpenCall: both("打开该通话", "Open it"),
  refused: both("现在不能拨打这通电话", "This call cannot be made now"),
  otherRule: both("其他", "Other"),
  rules,

  dial: both("请从 {caller} 拨打 {number}", "Dial {number} from {caller}"),
  dialWhat: both("电话接通后，核实码会自动出现在这里。", "The code appears here by itself once the call is connected."),
  rings: both("{number} 正在响铃", "{number} is ringing"),
  silent: both("电话系统没有响应", "The telephone system does not respond"),
  silentWhat: both(
    "电话接通后，核实码可能不会出现；客户在手机银行会看到“现在无法确认”。请联系技术支持。",
    "The code may not appear when a call is connected, and the bank's app tells customers that it cannot check. Ask for technical support.",
  ),
  code: both("请读出核实码", "Read out this code"),
  codeHere: both("电话已接通，核实码已显示。", "The call is connected. The code is here."),
  left: both("剩余 {time}", "{time} left"),
  readOut: both("请这样说", "Say this"),
  readOutNever: both(
    "不要说网址，不要报电话号码，不要发链接，不要请客户读回任何内容。",
    "Never say a web address or a telephone number, never send a link, never ask the customer to read anything back.",
  ),
  script: both(
    "您好，我是{bank}的{name}，工号{id}。在继续之前，请您先核实我的身份：按免提，不用挂断，打开手机银行，点“来电核实”；没有手机银行的，挂断后请拨打卡背面的客服电话。核实码是：{code}。核实结果您自己看就好，不用告诉我。",
    "Hello, this is {name} of {bank}, staff number {id}. Before we go on, please check that I am genuine. You need not hang up: switch to loudspeaker, open the bank's app and choose “Call check”. If you do not use the app, hang up and ring the number on the back of your card. The code is: {code}. The answer is for you alone; please do not tell me.",
  ),
  // Another contact or a helper may have been first.
  confirmedAt: both("已于 {time} 核实", "Confirmed at {time}"),
  confirmedWhat: both(
    "这只说明银行身份属实，不代表已核实客户身份。",
    "This proves the bank to the customer. It does not identify the customer.",
  ),
  legEnded: both("电话已挂断", "The call has ended"),
  legEndedWhat: both("客户仍可在两分钟内拨打银行电话核实。", "The customer can still ring the bank to confirm, for two minutes."),
  neverConfirmed: both("没有人核实。", "Nobody confirmed it."),
  lost: both("无法得知电话是否仍接通，核实码已隐藏。正在重新连接……", "Whether the call is connected is not known, so the code is hidden. Connecting again…"),
  revoke: both("作废本次核实码", "Cancel this code"),
  states: {
    issued: both("等待接通", "Waiting for the call"),
    ringing: both("正在响铃", "Ringing"),
    live: both("通话中", "On the phone"),
    confirmed: both("已核实", "Confirmed"),
    ended: both("已结束", "Ended"),
    expired: both("核实码已过期", "The code has expired"),
    revoked: both("已作废", "Cancelled"),
    locked: both("错误次数过多，已锁定", "Locked after wrong codes"),
  },

  today: both("今日通话", "Today's calls"),
  noCalls: both("今天还没有通话。", "No calls yet today."),

  exceptions: both("例外审批", "Approvals"),
  exceptionsWhat: both(
    "超出联系规则的通话须经主管复核，并记入日志。",
    "A call outside the contact rules needs a second person, and is logged.",
  ),
  noRequests: both("没有申请。", "There are no requests."),
  officer: both("客户经理", "Officer"),
  reference: both("申请编号", "Reference"),
  rulesToLift: both("申请豁免", "To be lifted"),
  reason: both("理由", "Reason"),
  yourReason: both("您的理由（记入日志）", "Your reason (it is logged)"),
  reasonMissing: both("请填写理由。", "Please give a reason."),
  askedAt: both("申请时间", "Asked at"),
  askSecond: both("可以请主管审批一次例外：", "A supervisor can approve this once:"),
  ask: both("请主管审批", "Ask a supervisor"),
  grant: both("批准", "Approve"),
  decline: both("驳回", "Decline"),
  toCall: both("去拨打", "Make the call"),
  suspensions: both("停用人员", "Suspended staff"),
  suspendWhat: both(
    "被停用的人员立即不能再使用本系统，其正在进行的通话全部作废。只有另一位主管可以恢复。",
    "They can do nothing here from now on, and their open calls are withdrawn. Only another supervisor can lift it.",
  ),
  staffNumber: both("工号", "Staff number"),
  suspend: both("停用", "Suspend"),
  suspended: both("已停用 {id}。", "{id} is suspended."),
  suspensionIncomplete: both("请填写工号和理由。", "Please give a staff number and a reason."),
  suspendedBy: both("停用人", "Suspended by"),
  liftedBy: both("恢复人", "Lifted by"),
  inForce: both("停用中", "In force"),
  lift: both("恢复", "Lift"),
  lifted: both("已恢复", "Lifted"),
  noSuspensions: both("没有停用记录。", "Nobody was suspended."),
  requestStates: {
    waiting: both("等待审批", "Waiting"),
    granted: both("已批准", "Approved"),
    declined: both("已驳回", "Declined"),
    expired: both("已过期", "Expired"),
    used: both("已使用", "Used"),
  },
};
