/** The officer's console: from an application to a code in two clicks. Implements specs/protocol.md section 12.1. */

import { startPage } from "../web/page.js";
import { applicationsScreen } from "./applications.js";
import { callScreen } from "./call.js";
import { exceptionsScreen } from "./exceptions.js";
import { prepareScreen } from "./prepare.js";
import { staffScreen } from "./staff.js";
import { todayScreen } from "./today.js";
import { WORDS } from "./words.js";

startPage("officer", WORDS.title, [
  { route: "/", label: WORDS.tabApplications, show: applicationsScreen },
  { route: "/today", label: WORDS.tabToday, show: todayScreen },
  { route: "/exceptions", label: WORDS.tabExceptions, show: exceptionsScreen },
  { route: "/staff", show: staffScreen },
  { route: "/application", show: prepareScreen },
  { route: "/call", show: callScreen },
]);
