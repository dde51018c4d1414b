/** The texts of the counter's page, zh-CN first, en second. Implements specs/protocol.md section 7.4. */

import { both } from "../web/words.js";

/** @typedef {import("../web/language.js").Both} Both */

/** What the clerk can do about a refusal. @type {Record<string, Both>} */
const problems = {
  malformed_code: both(
    "这九位数字有误。请对照客户写下的号码再输一遍；如果仍是这几位，就再核实一次。",
    "These nine digits cannot be right. Compare them with what the customer wrote; if they are the same, check them once more.",
  ),
  invalid_field: both(
    "这个核实码属于打到客户另一个号码的电话。请改用申请编号查找客户。",
    "This code is that of a call to another number of the customer. Find them by the id of their application.",
  ),
};

export const WORDS = {
  title: both("网点柜台", "Branch counter"),

  tabFind: both("下一位客户", "Next customer"),

  findTitle: both("查找到场客户", "Find the customer who is here"),
  findWhat: both(
    "只为本人在场、且已核对身份证件的客户办理。",
    "Only for a customer who is here in person, and whose identity document you have seen.",
  ),
  reference: both("申请编号（信贷系统）", "Id of the application, as in the loan system"),
  number: both("或：预留电话号码", "Or: a number that they have on file"),
  reason: both("查询理由", "Why you look"),
  reasons: [
    both("客户到网点核实一通来电", "The customer asks about a call they had"),
    both("客户带来写下的核实码", "The customer brings a code on paper"),
    both("客户举报可疑来电", "The customer reports a suspicious call"),
  ],
  reasonMissing: both("请填写查询理由。", "Please say why you look."),
  recorded: both("每次查询都记录您的工号和理由，客户可以看到。", "Each look is recorded with your staff number and the reason, and the customer can see it."),
  numberWrong: both("号码不完整，请再核对。", "That is not a whole number. Please check it."),
  oneOfBoth: both("请填写申请编号或电话号码，只填其中一项。", "Give the id or the number, and not both."),
  notFound: both(
    "查不到唯一对应的客户。请在信贷系统查到申请编号，再查一次。",
    "No single customer is found by this. Look up the id of their application, and try that.",
  ),
  find: both("查找", "Find"),

  compare: both("请核对：证件上的姓名须与此一致。", "Compare: the name on the identity document must be this one."),
  foundBy: both("查找依据", "Found by"),
  speaks: both("客户语言", "Language"),
  languages: { "zh-CN": both("中文", "Chinese"), en: both("英文", "English") },
  codeTitle: both("核实客户写下的核实码", "Check a code that the customer wrote down"),
  code: both("核实码", "Code"),
  codeShort: both("核实码共九位数字。", "A code has nine digits."),
  codeAsk: both("核实", "Check"),
  callsTitle: both("查询我行是否给客户打过电话", "Did we call the customer?"),
  callsAsk: both("查询", "Ask"),
  reportTitle: both("代客户举报可疑来电", "Take a report of a suspicious call"),
  reportAt: both("来电时间", "When the call was"),
  reportSend: both("提交举报", "Send the report"),
  noAnswer: both(
    "现在无法核实。没有得到答复，不代表电话是真的。请稍后再试。",
    "We cannot check now. There was no answer, which does not mean that the call is genuine. Try again later.",
  ),
  problems,
  leave: both("办理完毕", "Finish the visit"),
  back: both("返回", "Back"),

  print: both("打印回执", "Print the slip"),
  headings: {
    genuine: both("核实时是我行的来电", "At that moment, this was our call"),
    not_genuine: both("未能核实", "Not confirmed"),
    ended: both("旧核实码", "An old code"),
  },
  genuineWhat: both(
    "{time}，这是我行正在进行的一通电话的核实码。通话结束后即失效；此后再有来电，请重新核实。",
    "On {time} this was the code of a call of ours that was going on. It ends with that call; check any later call again.",
  ),
  callsHeading: both("我行给您打过的电话", "Our calls to you"),
  reportTaken: both("已收到您的举报", "We have your report"),
  reportTakenWhat: both("举报已由网点代您提交。您可以向公安机关出示本回执。", "The branch has sent it for you. You can show this slip to the police."),
  asked: both("查询内容", "You asked about"),
  answeredAt: both("答复时间", "Answered at"),
  window: both("{from} 至 {until}", "{from} to {until}"),
  call: both("来电", "Call"),
  officer: both("客户经理", "Officer"),
  purpose: both("来电事由", "About"),
  loan: both("贷款申请", "Loan"),
  fromNumber: both("来电号码", "From"),
  ring: both("银行电话", "Ring the bank"),
  receiptNumber: both("凭证编号", "Receipt"),
  proves: both(
    "纸上的文字本身不是证据。二维码里有银行签名的凭证，以后不经过银行也能验证。",
    "The words on this paper prove nothing by themselves. The code holds the receipt that the bank has signed. It can be checked later without the bank.",
  ),
  keep: both(
    "请妥善保管，不要交给来电人，也不要拍照发送。凭证也可在手机银行查到。",
    "Keep it safe. Do not give it, or a picture of it, to anybody who calls you. The receipt is also in the bank's app.",
  ),
};
