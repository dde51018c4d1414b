/** The customer's page, the reference for a bank's own app. Implements specs/protocol.md section 12.1. */

import { startPage } from "../web/page.js";
import { callsScreen } from "./calls.js";
import { checkScreen } from "./check.js";
import { WORDS as HELPERS } from "./helper_words.js";
import { helpersScreen } from "./helpers.js";
import { loansScreen } from "./loans.js";
import { receiptScreen, receiptsScreen } from "./receipt.js";
import { reportScreen } from "./report.js";
import { safetyFrame } from "./safety.js";
import { verdictScreen } from "./verdict.js";
import { WORDS } from "./words.js";

startPage("app", WORDS.title, [
  { route: "/", label: WORDS.tabCheck, show: checkScreen },
  { route: "/calls", label: WORDS.tabCalls, show: callsScreen },
  { route: "/loans", label: WORDS.tabLoans, show: loansScreen },
  { route: "/report", label: WORDS.tabReport, show: reportScreen },
  { route: "/helpers", label: HELPERS.tab, show: helpersScreen },
  { route: "/receipts", show: receiptsScreen },
  { route: "/receipt", show: receiptScreen },
  { route: "/verdict", bare: true, show: verdictScreen },
], safetyFrame);
