/** `<call-check>`: the customer's check of a call, in a bank's own page. Implements specs/protocol.md section 12.3. */

import { checkScreen } from "../app/check.js";
import { reportScreen } from "../app/report.js";
import { safetyFrame } from "../app/safety.js";
import { verdictScreen } from "../app/verdict.js";
import { WORDS } from "../app/words.js";
import { definePage } from "./page-element.js";

definePage("call-check", {
  name: "app",
  title: WORDS.title,
  screens: [
    { route: "/", show: checkScreen },
    { route: "/verdict", bare: true, show: verdictScreen },
    { route: "/report", show: reportScreen },
  ],
  style: STYLE,
  advise: safetyFrame,
});
