"""The runner: plans runs of the baseline, plain and denoised, brings them to their end, keeps record of them and tells what came out."""
