// The page needs no SDK: what is secret, and what costs money, stays with the backend.
const [start, open, state] = ["start", "open", "state"].map((id) => document.getElementById(id));

start.addEventListener("click", async () => {
  start.disabled = true;
  try {
    const { id, url } = await ask("/verifications", { method: "POST" });
    // A link, for a browser blocks a window that is opened a while after the click. The address works for 30 minutes.
    open.href = url;
    open.hidden = false;
    state.textContent = "Waiting for you …";
    state.textContent = (await result(id)) ? "You are old enough." : "The check did not pass.";
  } catch {
    state.textContent = "This did not work. Please try again later.";
  }
  open.hidden = true;
  start.disabled = false;
});

async function result(id) {
  for (let deadline = Date.now() + 30 * 60_000; Date.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    // An answer that stays out is asked for again: the backend pays once.
    const found = await ask(`/verifications/${encodeURIComponent(id)}`).catch(() => undefined);
    if (found?.state === "done") return found.passed;
  }
  throw new Error("no result in time");
}

async function ask(path, init) {
  const response = await fetch(path, init);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}
