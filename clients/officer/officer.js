/**
 * The officer's console: from a customer to a code in two clicks, or in a few keys. Implements specs/protocol.md section
 * 12.1.
 */

import { startPage } from "../web/page.js";
import { SCREENS } from "./screens.js";
import { WORDS } from "./words.js";

startPage("officer", WORDS.title, SCREENS);
