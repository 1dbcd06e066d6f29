// Films before they are sent: how long they are, and whether this browser plays them at all.

const ASK_MS = 3_000;

/** A browser's own recording does not say how long it is, and the controls show no length: at its end the browser finds out. */
export function findLength(player: HTMLVideoElement): void {
  player.onloadedmetadata = () => {
    if (player.duration !== Infinity) return;
    player.ondurationchange = () => {
      if (player.duration === Infinity) return;
      player.ondurationchange = null;
      player.currentTime = 0;
    };
    player.currentTime = 1e7;
  };
}

/** How long a video is, in seconds; 0 where the browser cannot tell, and the clinic looks for itself; null for what it cannot play. */
export function lengthOf(file: File): Promise<number | null> {
  return new Promise((resolve) => {
    const url = URL.createObjectURL(file);
    const video = document.createElement("video");
    const found = (seconds: number | null) => {
      clearTimeout(timer);
      URL.revokeObjectURL(url);
      resolve(seconds === null || Number.isFinite(seconds) ? seconds : 0);
    };
    const timer = setTimeout(() => found(0), ASK_MS);
    video.preload = "metadata";
    video.onloadedmetadata = () => found(video.videoWidth > 0 ? video.duration : null); // without a picture it would play as a black one
    video.onerror = () => found(null);
    video.src = url;
  });
}
