/** `<call-desk>`: the officer's console, in a bank's own page. Implements specs/protocol.md section 12.3. */

import { SCREENS } from "../officer/screens.js";
import { WORDS } from "../officer/words.js";
import { definePage } from "./page-element.js";

definePage("call-desk", { name: "officer", title: WORDS.title, screens: SCREENS, style: STYLE });
