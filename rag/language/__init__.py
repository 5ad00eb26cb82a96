"""Everything that splits, matches or compares text, in Chinese, English and German."""
