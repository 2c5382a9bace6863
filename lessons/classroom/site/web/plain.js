// A page that is only read.
import {reachable} from "./told.js";

reachable();
addEventListener("resize", reachable);
document.body.dataset.shown = "yes";
