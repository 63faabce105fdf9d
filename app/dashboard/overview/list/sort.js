// The orders that the API's list has.

import * as filter from "../../common/filter.js";
import { spoken } from "../../common/format.js";

export const DEFAULT_SORT = "-started_at";

export const MEASURES = document.querySelector('meta[name="sitrep-measures"]').content.split(" ").filter((name) => name !== "count");

const TIMES = [
  ["-started_at", "Newest first"], ["started_at", "Oldest first"],
  ["-updated_at", "Last changed first"], ["updated_at", "First changed first"],
];

export const SORTS = [...TIMES, ...MEASURES.flatMap((name) => [[`-${name}`, `Most ${spoken(name)}`], [name, `Least ${spoken(name)}`]])];

export const currentSort = () => (SORTS.some(([name]) => name === filter.value("sort")) ? filter.value("sort") : DEFAULT_SORT);

export const chooseSort = (sort) => filter.change({ sort: sort === DEFAULT_SORT ? "" : sort });
