/** The texts of the safety frame, zh-CN first, en second. A bank's theme may replace any of them. */

import { both } from "../web/words.js";

export const WORDS = {
  title: both("请记住三点", "Three things to remember"),
  rules: [
    both("有人催您，就先挂断。真的银行不怕您挂电话。", "If they press you, hang up. A real bank does not mind."),
    both("不说密码和短信验证码，不转账，不装软件，不共享屏幕。", "No passwords, no one-time codes, no transfers, no apps, no screen sharing."),
    both("自己拨打银行卡背面的客服电话，不拨对方给的号码。", "Call the number on your bank card yourself, not one they give you."),
  ],
  call: both("拨打客服电话 {number}", "Call the bank {number}"),
  report: both("举报这通来电", "Report this call"),
  told: both("我已经告诉对方了，怎么办？", "I have already told them something"),
  steps: [
    both("马上拨打我行客服电话，冻结银行卡和账户。", "Call the bank at once. Have your cards and accounts frozen."),
    both("换一部手机，修改手机银行的登录密码和支付密码。", "On another phone, change your banking and payment passwords."),
    both("装了软件或共享了屏幕：马上断网、关机。", "If you installed an app or shared your screen: go offline and switch the phone off."),
    both("钱已转出：马上拨打 110 报警，越快越好。", "If money has left: call the police on 110 at once."),
    both("拿不准：拨打反诈专线 96110。", "If you are not sure: call the anti-fraud line 96110."),
  ],
  police: both("拨打 110", "Call 110"),
  policeNumber: both("110", "110"),
  fraud: both("拨打 96110", "Call 96110"),
  fraudNumber: both("96110", "96110"),
  wait: both("还需等待 {time}", "Time left: {time}"),
};
