/** Node's `http` in front of a `fetch` handler. */
import type { Gateway } from "./gateway.js";

/** What is used of `http.IncomingMessage`. */
export interface IncomingMessage {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly rawHeaders: string[];
  readonly complete: boolean;
  on(event: string, listener: (...values: any[]) => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** What is used of `http.ServerResponse`. */
export interface ServerResponse {
  readonly destroyed: boolean;
  on(event: string, listener: (...values: any[]) => void): unknown;
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body?: Uint8Array): unknown;
}

/** `http.createServer(nodeListener(gateway))`. */
export function nodeListener(gateway: Pick<Gateway, "fetch">): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  return (incoming, outgoing) => void answer(gateway, incoming, outgoing);
}

/** Never rejects. */
async function answer(gateway: Pick<Gateway, "fetch">, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  outgoing.on("error", () => undefined); // the caller is gone; the work goes on
  let request: Request;
  try {
    request = requestOf(incoming);
  } catch {
    // TRACE, or a target such as `*`: no `Request` can say that.
    return end(outgoing, incoming, 400, { "content-length": "0" });
  }
  const response = await gateway.fetch(request);
  const body = new Uint8Array(await response.arrayBuffer());
  const headers = Object.fromEntries(response.headers);
  end(outgoing, incoming, response.status, { ...headers, "content-length": String(body.byteLength) }, body);
}

function end(outgoing: ServerResponse, incoming: IncomingMessage, status: number, headers: Record<string, string>, body?: Uint8Array): void {
  if (outgoing.destroyed) return;
  // The rest of a body that nobody reads, which may have no end, would be taken for the next request, or waited for.
  outgoing.writeHead(status, incoming.complete ? headers : { ...headers, connection: "close" });
  outgoing.end(body);
}

function requestOf(incoming: IncomingMessage): Request {
  const { method = "GET", url = "/", rawHeaders } = incoming;
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) headers.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
  // Whatever the target says of a host, only its path counts; `//host/path` is a path here.
  const target = url.startsWith("/") ? `${ANY_ORIGIN}${url}` : new URL(url).href;
  if (method === "GET" || method === "HEAD") return new Request(target, { method, headers });
  const init: RequestInit & { duplex: "half" } = { method, headers, body: bodyOf(incoming), duplex: "half" };
  return new Request(target, init);
}

/** The host that was asked is of no interest to any route. */
const ANY_ORIGIN = "http://gateway.invalid";

/** The body as it comes, and no faster than it is read. It breaks off when the caller does. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let over = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const finish = (how: () => void) => {
        if (!over) how();
        over = true;
      };
      incoming.on("data", (chunk: Uint8Array) => {
        if (over) return;
        controller.enqueue(new Uint8Array(chunk));
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.on("end", () => finish(() => controller.close()));
      for (const event of ["error", "close"]) incoming.on(event, () => finish(() => controller.error(new TypeError("the body broke off"))));
    },
    pull: () => void incoming.resume(),
    cancel() {
      over = true;
      incoming.pause();
    },
  });
}
