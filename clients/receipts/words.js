/** The texts of the page that checks receipts, zh-CN first, en second. Implements specs/protocol.md section 7.4. */

import { both } from "../web/words.js";

export const WORDS = {
  title: both("验证凭证", "Check a receipt"),
  lead: both(
    "选择您保存的凭证文件，即可查验它是否由{bank}签发、有没有被改动。",
    "Choose a receipt that you saved. This page tells you whether {bank} issued it, and whether it has been changed.",
  ),
  private: both(
    "验证在您的设备上完成，文件不会上传。页面打开后，断网也能验证。",
    "The check runs on your device. Nothing is uploaded, and once this page is open you need no connection.",
  ),
  noCalls: both(
    "本页不能核实来电。如有人正与您通话，请在手机银行输入核实码，或挂断后拨打银行卡背面的电话。",
    "This page cannot check a call. If somebody is on the phone with you now, enter their code in the bank's app, or hang up and ring the number on your bank card.",
  ),
  choose: both("选择凭证文件", "Choose a receipt file"),
  drop: both("也可以把文件拖到这里", "or drop the file here"),
  pasteTitle: both("凭证是纸质的？", "Is the receipt on paper?"),
  pasteWhat: both(
    "用扫码工具扫描凭证上的二维码，把得到的文字（以 CVR1 开头）粘贴到下面。有几个二维码，就粘贴几行。",
    "Scan its QR codes with any scanner, and paste the text below. It begins with CVR1. Paste one line for each QR code.",
  ),
  paste: both("二维码里的文字", "Text of the QR codes"),
  check: both("验证", "Check"),
  checking: both("正在验证……", "Checking…"),
  another: both("验证另一份凭证", "Check another receipt"),
  print: both("打印", "Print"),
  ring: both("拨打我行电话 {number}", "Ring us at {number}"),
  reload: both("重新打开本页", "Open this page again"),

  verified: both("凭证有效", "This receipt is valid"),
  verifiedWhat: both(
    "由{bank}签发，签发后没有被改动。它记录的结果是：{result}。",
    "{bank} issued it, and it has not been changed since. The result that it records: {result}.",
  ),
  verifiedPast: both(
    "它只记录过去某一时刻的情况，不能证明现在与您通话的人是谁。",
    "It is about a moment in the past. It does not show who is on the phone with you now.",
  ),

  /** @type {Record<import("./checking.js").Fault, {title: import("../web/language.js").Both, what: import("../web/language.js").Both}>} */
  faults: {
    altered: {
      title: both("凭证无效", "This receipt is not valid"),
      what: both(
        "它签发后被改动过，或者根本不是{bank}签发的。请不要相信其中的内容。",
        "It was changed after it was issued, or {bank} never issued it. Do not rely on what it says.",
      ),
    },
    other_bank: {
      title: both("不是{bank}的凭证", "Not a receipt of {bank}"),
      what: both(
        "文件写明由另一家机构签发，本页无法验证。请不要仅凭这个文件相信任何人。",
        "The file says that somebody else issued it, so this page cannot check it. Do not trust anybody because of it.",
      ),
    },
    other_document: {
      title: both("不是客户凭证", "Not a customer's receipt"),
      what: both(
        "这是{bank}签发的另一种文件，不是给客户的凭证，不能证明任何一通来电。",
        "{bank} signed this document, but it is not a receipt for customers. It proves nothing about a call.",
      ),
    },
    not_a_receipt: {
      title: both("这不是凭证", "This is not a receipt"),
      what: both(
        "里面没有凭证，或内容不完整。请选择您当时保存的文件（文件名以 .receipt.json 结尾）；如果是纸质凭证，请把所有二维码的文字都粘贴进来。",
        "There is no receipt in it, or a part is missing. Choose the file that you saved; its name ends in .receipt.json. For a receipt on paper, paste the text of all its QR codes.",
      ),
    },
    code: {
      title: both("本页不核实来电", "This page does not check calls"),
      what: both(
        "您输入的好像是核实码。请在手机银行里输入，或挂断后拨打银行卡背面的电话。得到结果之前，不要透露任何信息。",
        "That looks like a code from a call. Enter it in the bank's app, or hang up and ring the number on your bank card. Until you have an answer, share nothing.",
      ),
    },
    no_keys: {
      title: both("现在无法验证", "We cannot check now"),
      what: both(
        "银行的公钥没有加载成功。这既不表示凭证有效，也不表示无效。请检查网络，然后重新打开本页。",
        "The bank's public keys were not loaded. This says nothing about the receipt, neither good nor bad. Check your connection, and open this page again.",
      ),
    },
    old_browser: {
      title: both("这个浏览器无法验证", "This browser cannot check receipts"),
      what: both(
        "这既不表示凭证有效，也不表示无效。请换用新版浏览器，或到网点请工作人员协助。",
        "This says nothing about the receipt, neither good nor bad. Use a newer browser, or ask at a branch.",
      ),
    },
    too_large: {
      title: both("文件太大", "The file is too large"),
      what: both("凭证文件不超过 256 KB，这不是凭证。", "A receipt has at most 256 KB, so this is none."),
    },
    folder: {
      title: both("这是文件夹", "That is a folder"),
      what: both("请选择文件夹里的凭证文件。", "Choose the receipt file inside it."),
    },
    several: {
      title: both("一次只能验证一份", "One receipt at a time"),
      what: both("请一次选择一个文件。", "Choose a single file."),
    },
    unreadable: {
      title: both("无法读取文件", "The file cannot be read"),
      what: both("它可能已被移走或删除，请重新选择。", "It may have been moved or deleted. Choose it again."),
    },
    empty: {
      title: both("没有内容", "There is nothing in it"),
      what: both("请选择凭证文件，或粘贴二维码里的文字。", "Choose a receipt file, or paste the text of the QR codes."),
    },
  },
};
