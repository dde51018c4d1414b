/** The counter of a branch: a clerk asks for a customer who is present. Implements specs/protocol.md section 12.1. */

import { startPage } from "../web/page.js";
import { findScreen } from "./find.js";
import { slipScreen } from "./slip.js";
import { visitScreen } from "./visit.js";
import { WORDS } from "./words.js";

startPage("desk", WORDS.title, [
  { route: "/", label: WORDS.tabFind, show: findScreen },
  { route: "/visit", show: visitScreen },
  { route: "/slip", show: slipScreen },
]);
