// Preact with htm from one place: the `html` template tag, `render` and the hooks.

import htm from "../vendor/htm/htm.module.js";
import { h } from "../vendor/preact/preact.mjs";

export { createContext, Fragment, h, render } from "../vendor/preact/preact.mjs";
export { useCallback, useContext, useEffect, useErrorBoundary, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } from "../vendor/preact/hooks.mjs";

// Texts become text nodes, so that nothing an event says is ever markup.
export const html = htm.bind(h);
