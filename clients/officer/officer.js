/** The officer's console: from an application to a code in two clicks. Implements specs/protocol.md section 12.1. */

import { startPage } from "../web/page.js";
import { SCREENS } from "./screens.js";
import { WORDS } from "./words.js";

startPage("officer", WORDS.title, SCREENS);
