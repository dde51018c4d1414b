/** The screens of the officer's console, for its page and for `<call-desk>`. Implements specs/protocol.md section 12.1. */

import { applicationsScreen } from "./applications.js";
import { callScreen } from "./call.js";
import { exceptionsScreen } from "./exceptions.js";
import { prepareScreen } from "./prepare.js";
import { staffScreen } from "./staff.js";
import { todayScreen } from "./today.js";
import { WORDS } from "./words.js";

/** @type {import("../web/page.js").Screen[]} */
export const SCREENS = [
  { route: "/", label: WORDS.tabApplications, show: applicationsScreen },
  { route: "/today", label: WORDS.tabToday, show: todayScreen },
  { route: "/exceptions", label: WORDS.tabExceptions, show: exceptionsScreen },
  { route: "/staff", show: staffScreen },
  { route: "/application", show: prepareScreen },
  { route: "/call", show: callScreen },
];
