<?php

print '<!DOCTYPE html><title>Rebuild</title><form method="post"><input type="submit" /></form>';
