// The one template function of all components.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
