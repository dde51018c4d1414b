/** The texts of the customer's receipts, zh-CN first, en second. Implements specs/protocol.md section 7.4. */

import { both } from "../web/words.js";

export const WORDS = {
  title: both("我的凭证", "My receipts"),
  why: both(
    "每次核实、查询和举报，我行都会出具凭证。没有保存的，可以在这里找到。凭证保存到手机后，不经过我行也能验证。",
    "For each check, search and report, we give you a receipt. Those that you have not saved are here. A saved receipt can be checked without us.",
  ),
  none: both("还没有凭证。", "There are no receipts yet."),
  read: both("查看凭证", "Read the receipt"),
  all: both("全部凭证", "All receipts"),
  one: both("凭证", "Receipt"),
  print: both("打印", "Print"),
  kinds: {
    verdict: both("来电核实", "Call check"),
    report: both("举报", "Report"),
    call_check: both("来电查询", "Call search"),
  },
  verdicts: {
    genuine: both("核实时是我行来电", "It was our call then"),
    not_genuine: both("无法核实", "Not confirmed"),
    ended: both("旧核实码", "An old code"),
  },
};
