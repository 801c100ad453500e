// The statuses of an order, in Edge's words: those of its API, and those of its reports.
import type { EdgeOrderStatus } from "./wallet";

export type ReportStatus =
  | "complete"
  | "processing"
  | "pending"
  | "expired"
  | "blocked"
  | "refunded"
  | "other";

interface Ended {
  status: string;
  outcome: string | null;
}

const OPEN: Record<string, EdgeOrderStatus> = {
  NEW: "pending",
  PENDING: "processing",
  EXCHANGE: "processing",
  EMERGENCY: "infoNeeded",
};

const ENDED: Record<string, EdgeOrderStatus> = {
  COMPLETED: "completed",
  REFUNDED: "refunded",
  EXPIRED: "expired",
  CANCELLED: "expired",
};

const IN_REPORTS: Record<EdgeOrderStatus, ReportStatus> = {
  pending: "pending",
  processing: "processing",
  infoNeeded: "blocked",
  expired: "expired",
  refunded: "refunded",
  completed: "complete",
};

/** An order that has ended has an outcome; a status that is unknown is one of an open order. */
export function orderStatus({ status, outcome }: Ended): EdgeOrderStatus {
  if (outcome === null) return OPEN[status] ?? "processing";
  return ENDED[outcome] ?? "expired";
}

export function reportStatus(order: Ended): ReportStatus {
  if (order.outcome !== null && !(order.outcome in ENDED)) return "other";
  return IN_REPORTS[orderStatus(order)];
}
