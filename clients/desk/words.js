/** The texts of the counter's page, zh-CN first, en second. Implements specs/protocol.md section 7.4. */

import { both } from "../web/words.js";

/** @typedef {import("../web/language.js").Both} Both */

export const WORDS = {
  title: both("网点柜台", "Branch counter"),
  codeSlip: both(
    "这九位数字有误。请对照客户写下的数字重新输入；如果确实是这九位，请再点一次“核实”。",
    "These nine digits cannot be right. Compare them with what the customer wrote; if they are the same, check them once more.",
  ),
  otherNumber: both(
    "这个核实码属于打给该客户另一个号码的电话。请改用那个号码，或申请编号，重新查找客户。",
    "This code is that of a call to another number of the customer. Find them again, by that number or by the id of an application.",
  ),

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
  numberWrong: both("号码不完整，请再核对。", "The telephone number is not complete. Check it."),
  oneOfBoth: both("请填写申请编号或电话号码，只填其中一项。", "Give the id or the number, and not both."),
  notFoundById: both(
    "用这个编号查不到唯一对应的客户。请核对编号；企业贷款等有多位联系人的，请改用到场客户本人的预留号码查找。",
    "No single customer is found by this id. Check it. If the loan has several contacts, as that of a company, use the number on file of the person who is here.",
  ),
  notFoundByNumber: both(
    "用这个号码查不到唯一对应的客户。请核对号码，或在信贷系统查到申请编号，用编号查找。",
    "No single customer is found by this number. Check it, or look up the id of their application and use that.",
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
  reportNoAnswer: both(
    "没有收到答复，举报可能尚未提交。请再点一次“提交举报”，不会重复提交。",
    "There was no answer, so the report may not have been sent. Press the button again: it is not sent twice.",
  ),
  leave: both("办理完毕", "Finish the visit"),
  back: both("返回", "Back"),

  print: both("打印回执", "Print the slip"),
  headings: {
    genuine: both("核实时是我行的来电", "At that moment, this was our call"),
    not_genuine: both("未能核实", "Not confirmed"),
    ended: both("那通电话已经结束", "That call is over"),
  },
  pastCall: both("旧核实码", "An old code"),
  genuineWhat: both(
    "{time}，这是我行正在进行的一通电话的核实码，只对那一通电话有效。此后再有来电，请重新核实。",
    "On {time} this was the code of a call of ours that was going on. It is good for that call only. Check any later call again.",
  ),
  callsHeading: both("我行给您打过的电话", "Our calls to you"),
  noCallsHeading: both("没有查到我行打给您的电话", "No call from us to you"),
  reportTaken: both("已收到您的举报", "We have your report"),
  reportTakenWhat: both("举报已由网点为您提交，报案时可向公安机关出示本回执。", "The branch has sent it for you. You can show this slip to the police."),
  asked: both("查询内容", "You asked about"),
  reported: both("举报内容", "You reported"),
  answeredAt: both("答复时间", "Answered at"),
  window: both("{from} 至 {until}", "{from} to {until}"),
  call: both("来电", "Call"),
  began: both("开始时间", "Began"),
  ended: both("结束时间", "Ended"),
  codeEnded: both("核实码失效时间", "Code valid until"),
  officer: both("客户经理", "Officer"),
  purpose: both("来电事由", "About"),
  loan: both("贷款申请", "Loan"),
  fromNumber: both("来电号码", "From"),
  never: both("我们绝不会索要", "We never ask for"),
  ring: both("银行电话", "The bank's number"),
  receiptNumber: both("凭证编号", "Receipt"),
  proves: both(
    "纸上的文字本身不是证据。二维码中是银行签名的凭证，日后不经银行也能验证。",
    "The words on this paper prove nothing by themselves. The QR code holds the receipt that the bank has signed. It can be checked later without the bank.",
  ),
  keep: both(
    "请妥善保管。不要把本回执或其照片交给任何来电人。",
    "Keep it safe. Do not give it, or a picture of it, to anybody who calls you.",
  ),
};
