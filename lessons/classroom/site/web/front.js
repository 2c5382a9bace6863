// The front door: the library's own ViT, trained in this tab.
import {Python} from "./python.js";
import {trainer} from "./train.js";

const status = document.getElementById("python");
const python = new Python((text) => (status.textContent = text));
const training = trainer(document.getElementById("train"), {python, what: "vit"});
document.body.dataset.shown = "yes";
window.minivit = {python, training}; // for whoever looks in from the console, and for the tests
