<?php

print '<!DOCTYPE html><title>Choose language</title><form method="post"><input type="submit" /></form>';
