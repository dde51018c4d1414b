/** The texts of all pages, zh-CN first, en second. Implements specs/protocol.md section 7.4. */

/** @typedef {import("./language.js").Both} Both */

/** @param {string} zh @param {string} en @returns {Both} */
export function both(zh, en) {
  return { "zh-CN": zh, en };
}

/** @type {Record<string, {title: Both, what: Both}>} */
const problems = {
  malformed_code: {
    title: both("核实码有误", "This code cannot be right"),
    what: both("请让对方再报一遍，然后重新输入。", "Ask the caller to repeat the code, and enter it again."),
  },
  rate_limited: {
    title: both("尝试次数过多", "Too many attempts"),
    what: both("请等待{wait}后再试。", "Please wait {wait} and try again."),
  },
  forbidden: {
    title: both("您没有这项权限", "You don't have access"),
    what: both("请使用有权限的账号登录。", "Sign in with an account that has access."),
  },
  insufficient_user_authentication: {
    title: both("需要更安全的登录方式", "A stronger sign-in is needed"),
    what: both(
      "这项操作要求您用安全密钥、动态口令等方式重新登录。登录后会回到这里。",
      "For this, please sign in again with your security key, a one-time password or the like. You then come back here.",
    ),
  },
  own_customer: {
    title: both("您是这位客户的经办人", "You are an officer of this customer"),
    what: both("请由另一位柜员为这位客户办理。", "Another clerk must ask for this customer."),
  },
  suspended: {
    title: both("您的账号已被停用", "You are suspended"),
    what: both("您现在不能使用本系统。如有疑问，请联系您的主管。", "You cannot use this system now. Please ask your supervisor."),
  },
  not_found: {
    title: both("没有找到", "Not found"),
    what: both("它不存在，或不属于您。", "It does not exist, or it is not yours."),
  },
  too_many_helpers: {
    title: both("人数已达上限", "There can be no more helpers"),
    what: both(
      "每位客户最多三位协助人（含尚未使用的邀请），每人最多协助十位客户。请先停止其中一位，再试一次。",
      "A customer can have three helpers, open invitations included, and a helper can help ten people. End one first.",
    ),
  },
  erased: {
    title: both("已被删除", "It has been erased"),
    what: both("这笔申请的资料已依法销毁。", "The data of this application has been destroyed."),
  },
  invalid_field: {
    title: both("有一项填写不正确", "Something is not filled in correctly"),
    what: both("请检查后再试。", "Please check it and try again."),
  },
};

export const WORDS = {
  toAnother: both("不是打给您的电话", "Not a call to you"),
  toAnotherWhat: both("我行这通电话打给的是{contact}，不是您。", "We called {contact}, not you."),
  toAnotherNotYou: both(
    "如果有人打电话给您、自称是我们，并报出这个核实码，请挂断：那不是我们。",
    "If somebody rang you, said they were from us and gave you this code, hang up: it was not us.",
  ),
  symbol: both("凭证二维码", "The receipt"),
  symbolOf: both("凭证二维码 {place}/{count}", "The receipt, part {place} of {count}"),
  toWhom: both("打给", "To"),
  noLeg: both(
    "银行无法看到这通电话是否接通到您的号码。",
    "The bank cannot see whether this call is connected to your number.",
  ),

  officerLine: both("{name}（工号 {id}，{branch}）", "{name} (staff no. {id}, {branch})"),
  skip: both("跳到正文", "Skip to the content"),
  tabs: both("页面", "Pages"),
  largeType: both("大字", "Large type"),
  aloud: both("朗读", "Read aloud"),
  signIn: both("登录", "Sign in"),
  signOut: both("退出", "Sign out"),
  signInWhy: both("请用您在本行的账号登录。", "Sign in with your account at this bank."),
  signInAtHost: both("请先登录，再点“再试一次”。", "Sign in first, then try again."),
  signInFailed: both("登录没有成功：{reason}", "Signing in did not work: {reason}"),
  signedOut: both("登录已过期，请重新登录。", "You have been signed out. Please sign in again."),
  seconds: both(" {count} 秒", "{count} seconds"),
  minutes: both(" {count} 分钟", "{count} minutes"),
  hours: both(" {count} 小时", "{count} hours"),
  again: both("再试一次", "Try again"),
  close: both("关闭", "Close"),
  more: both("更多", "More"),
  requestId: both("请求编号", "Request"),
  problem: both("没有成功", "That did not work"),
  defect: both("页面出现错误，请重新打开。", "The page has a fault. Please open it again."),
  noService: both("现在无法连接本服务", "The service cannot be reached now"),
  cannotReach: both("现在无法连接", "We cannot be reached now"),
  cannotReachWhat: both(
    "请检查网络后再试。在得到答复之前，请不要在电话里透露任何信息。",
    "Check your connection and try again. Until there is an answer, share nothing on the phone.",
  ),
  calledFrom: both("从", "From"),
  calledUntil: both("到", "Until"),
  calledNumber: both("来电号码（可不填）", "The number that called (if you like)"),
  calledNoTime: both("请填写完整的日期和时间。", "Enter both times in full."),
  calledBackwards: both("结束时间早于开始时间。", "The end is before the beginning."),
  calledTooLong: both("最长可查31天，请缩短时间。", "At most 31 days. Choose a shorter time."),
  calledNoNumber: both("号码不完整，请再核对，或留空。", "The telephone number is not complete. Check it, or leave it empty."),
  reportWhat: both("发生了什么？可多选。", "What happened? Choose all that fit."),
  reportKinds: [
    both("索要短信验证码或密码", "Asked for a code or password"),
    both("要求转账或先交费用", "Asked for a transfer or a fee"),
    both("要求下载软件或共享屏幕", "Asked to install something or share my screen"),
    both("报不出核实码", "Could not give a code"),
    both("核实码核实未通过", "The code was not confirmed"),
    both("推销低息贷款", "Offered a cheap loan"),
  ],
  reportNumber: both("来电号码", "The caller's number"),
  reportCode: both("对方报的核实码", "The code that the caller gave"),
  reportSaid: both("对方说了什么", "What the caller said"),
  reportEmpty: both("请至少选择一项，或写几个字。", "Choose at least one, or write a few words."),
  problems,
};
