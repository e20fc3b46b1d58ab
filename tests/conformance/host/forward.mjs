/**
 * Hands a page's request on to the simulator, so that the page needs no CORS. The simulator refuses whatever could name a
 * platform; the headers that a browser adds by itself name a browser, and end here. Those of the SDK go on as they are.
 */
import http from "node:http";

const BROWSERS_OWN = /^(?:user-agent|accept-language|origin|referer|cache-control|pragma|sec-[a-z-]+)$/;

/** @param {http.IncomingMessage} request @param {http.ServerResponse} response @param {string} upstream */
export function forward(request, response, upstream) {
  const rawHeaders = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    if (!BROWSERS_OWN.test(request.rawHeaders[at].toLowerCase())) rawHeaders.push(request.rawHeaders[at], request.rawHeaders[at + 1]);
  }
  const onward = http.request(upstream + request.url, { method: request.method, headers: rawHeaders, setHost: false }, (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    response.flushHeaders();
    answer.on("data", (chunk) => response.write(chunk));
    answer.on("end", () => response.end());
    // Cut off in the middle: so it is for the page.
    answer.on("error", () => response.destroy());
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}
